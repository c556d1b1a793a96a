"""Rows of the outbox that can never be published."""

from alembic import op

from common.outbox_refused import TABLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("drop table outbox_refused")
