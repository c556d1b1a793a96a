"""Rows of the outbox that can never be published."""

from alembic import op

from common.outbox_refused import TABLE

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(TABLE)
