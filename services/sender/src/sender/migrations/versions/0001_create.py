"""Deliveries, statuses that came before their delivery was known, and the outbox."""

from alembic import op

from common.outbox_rows import TABLE as OUTBOX
from common.work.owner import SEQUENCE
from common.work.schema import COLUMNS, STORAGE, indexes

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DELIVERY_TABLE = f"""
create table delivery (
  {COLUMNS},
  delivery_id uuid not null unique,
  reply_id text not null,
  part smallint not null,
  parts smallint not null,
  conversation text not null,
  phone_number_id text not null,
  contact_id text not null,
  wa_id text,
  kind text not null,
  body text not null,
  answers jsonb not null,
  last_inbound_at timestamptz not null,
  trace_id text not null,
  created_at timestamptz not null default now(),
  status text not null default 'pending' check (status in ('pending', 'sending', 'unknown',
    'accepted', 'rejected', 'suppressed', 'sent', 'delivered', 'read', 'played', 'failed')),
  wamid text,
  error_code int,
  error_title text,
  refusals smallint not null default 0,
  resends smallint not null default 0
) {STORAGE};
create index delivery_open on delivery (conversation, id) where finished_at is null;
create index delivery_wamid on delivery (tenant_id, wamid) where wamid is not null;
"""
EARLY_STATUS = """
create table early_status (
  tenant_id int not null,
  wamid text not null,
  status text not null,
  status_at timestamptz not null,
  error_code int,
  error_title text,
  parked_at timestamptz not null default now(),
  primary key (tenant_id, wamid, status)
);
"""


def upgrade() -> None:
    for statement in (DELIVERY_TABLE, indexes("delivery"), EARLY_STATUS, OUTBOX, SEQUENCE):
        op.execute(statement)


def downgrade() -> None:
    for name in ("outbox", "early_status", "delivery"):
        op.execute(f"drop table {name}")
    op.execute("drop sequence work_owner")
