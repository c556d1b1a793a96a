"""The file of a part that has one: its id at WhatsApp, its kind, name and caption."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table delivery add column media jsonb")


def downgrade() -> None:
    op.execute("alter table delivery drop column media")
