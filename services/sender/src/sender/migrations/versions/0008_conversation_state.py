"""What a delivery is checked against before it is sent: when its reply was made and until when it
is valid, and since when its conversation is opted out or has a person."""

from alembic import op

from sender.conversation_state import TABLE

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


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
