"""What to find ended deliveries by, and those among them that still have their text."""

from alembic import op

revision = "0010"
down_revision = "0009"

INDEXES = """
create index delivery_ended on delivery (finished_at) where finished_at is not null;
create index delivery_with_body on delivery (finished_at)
  where finished_at is not null and body <> '';
"""


def upgrade() -> None:
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("drop index delivery_ended, delivery_with_body")
