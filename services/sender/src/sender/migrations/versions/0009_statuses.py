"""What a status tells besides: the price, and a second copy."""

from alembic import op

revision = "0009"
down_revision = "0008"

UPGRADE = """
alter table delivery add column pricing_type text, add column pricing_category text,
  add column copies text[] not null default '{}';
alter table early_status add column pricing_type text, add column pricing_category text;
"""
DOWNGRADE = """
alter table early_status drop column pricing_type, drop column pricing_category;
alter table delivery drop column pricing_type, drop column pricing_category, drop column copies;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
