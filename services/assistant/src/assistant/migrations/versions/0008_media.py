"""The file that a message carries: what is needed to fetch it from WhatsApp."""

from alembic import op

revision = "0008"
down_revision = "0005"


def upgrade() -> None:
    op.execute("alter table message add column media jsonb")


def downgrade() -> None:
    op.execute("alter table message drop column media")
