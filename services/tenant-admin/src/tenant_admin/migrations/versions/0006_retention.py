"""What to find the counts of long ago by."""

from alembic import op

revision = "0006"
down_revision = "0005"

INDEXES = """
create index client_usage_day on client_usage (day);
create index number_replies_day on number_replies (day);
create index priced_replies_day on priced_replies (day);
"""


def upgrade() -> None:
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute("drop index client_usage_day, number_replies_day, priced_replies_day")
