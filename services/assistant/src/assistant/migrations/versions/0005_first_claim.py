"""When a turn was begun: what its waits for the model are counted from."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("alter table turn add column first_claimed_at timestamptz")


def downgrade() -> None:
    op.execute("alter table turn drop column first_claimed_at")
