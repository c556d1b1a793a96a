"""Conversations, messages, turns, usage."""

from alembic import op

from common import outbox_rows
from common.work import owner, schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(f"""
create table conversation (
  id bigint generated always as identity primary key,
  tenant_id int not null,
  contact_id text not null,
  phone_number_id text not null,
  wa_id text,
  contact_name text,
  opted_out boolean not null default false,
  taken_over_until timestamptz,
  created_at timestamptz not null default now(),
  unique (tenant_id, contact_id));

create table message (
  id bigint generated always as identity primary key,
  tenant_id int not null,
  conversation_id bigint not null references conversation (id),
  wamid text,
  turn_id bigint,
  role "char" not null,   -- u: the contact, a: the assistant
  body text not null,
  sent_at timestamptz not null,
  trace_id text not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, wamid));
create index message_answered on message (conversation_id, id) where turn_id is not null;
create index message_pending on message (conversation_id, id) where turn_id is null;

create table turn ({schema.COLUMNS},
  conversation_id bigint not null references conversation (id),
  last_message_id bigint not null,
  superseded smallint not null default 0) {schema.STORAGE};
create unique index turn_open on turn (conversation_id) where finished_at is null;
{schema.indexes("turn")}
{owner.SEQUENCE}

create table usage (
  turn_id bigint not null,
  tenant_id int not null,
  day date not null,
  model text not null,
  input_tokens int not null,
  cached_tokens int not null,
  output_tokens int not null,
  primary key (tenant_id, day, turn_id));
{outbox_rows.TABLE}
""")


def downgrade() -> None:
    op.execute("drop table usage, outbox, turn, message, conversation; drop sequence work_owner")
