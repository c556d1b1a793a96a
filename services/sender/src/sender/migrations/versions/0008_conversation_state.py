"""What a delivery is checked against before it is sent: when its reply was made and until when it
is valid, and since when its conversation is opted out or has a person."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = """
create table conversation_state (
  tenant_id int not null,
  conversation text not null,
  what text not null check (what in ('opted_out', 'handed_over')),
  since timestamptz not null,
  primary key (tenant_id, conversation, what)
);
create index conversation_state_since on conversation_state (since);
"""


def upgrade() -> None:
    op.execute(
        "alter table delivery add column what text, add column occurred_at timestamptz,"
        " add column expires_at timestamptz"
    )
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("drop table conversation_state")
    op.execute(
        "alter table delivery drop column what, drop column occurred_at, drop column expires_at"
    )
