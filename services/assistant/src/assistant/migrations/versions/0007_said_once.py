"""What a conversation was told once: that an AI answers, that the business is closed; and loops."""

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = ("disclosed_at", "closed_text_at", "loop_until")


def upgrade() -> None:
    op.execute(f"alter table conversation {', '.join(f'add {c} timestamptz' for c in COLUMNS)}")


def downgrade() -> None:
    op.execute(f"alter table conversation {', '.join(f'drop column {c}' for c in COLUMNS)}")
