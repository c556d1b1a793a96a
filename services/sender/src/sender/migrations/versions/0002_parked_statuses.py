"""Parked statuses are looked at in the order in which they came."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create index early_status_parked on early_status (parked_at)")


def downgrade() -> None:
    op.execute("drop index early_status_parked")
