"""As which template a delivery leaves, and whether that takes its text."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UPGRADE = """
alter table delivery add column template text, add column template_takes_text boolean;
create index delivery_template on delivery (conversation) where template is not null;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute("drop index delivery_template")
    op.execute("alter table delivery drop column template, drop column template_takes_text")
