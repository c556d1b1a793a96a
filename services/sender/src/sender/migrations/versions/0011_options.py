"""What a part of a reply shows besides its text: options to tap, and the message that it quotes."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table delivery add column choices jsonb, add column quotes text")


def downgrade() -> None:
    op.execute("alter table delivery drop column choices, drop column quotes")
