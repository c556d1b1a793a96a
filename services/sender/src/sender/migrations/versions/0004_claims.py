"""Failures apart from claims, what is due by time, and what waits behind an earlier delivery."""

from alembic import op

from common.work.schema import block_successors, count_failures

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(count_failures("delivery"))
    op.execute(block_successors("delivery", "conversation"))


def downgrade() -> None:
    op.execute("drop index delivery_runs_alone, delivery_blocked, delivery_due_at")
    op.execute("update delivery set state = 0 where state = 4")
    op.execute("alter table delivery drop column failures, drop column unfinished")
