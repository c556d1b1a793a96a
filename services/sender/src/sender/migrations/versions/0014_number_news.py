"""What Meta tells about numbers: of which account they are, whether they may send, how much."""

from alembic import op

from sender.number_news import TABLES

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("drop table number_account, raised_number")
