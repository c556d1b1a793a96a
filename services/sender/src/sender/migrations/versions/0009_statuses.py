"""What a status tells besides: the price, a second copy; and what a parked one may belong to."""

from alembic import op

revision = "0009"
down_revision = "0005"

UPGRADE = """
alter table delivery add column pricing_type text, add column pricing_category text,
  add column copies text[] not null default '{}';
alter table early_status add column pricing_type text, add column pricing_category text;
create index delivery_in_doubt on delivery (phone_number_id)
  where finished_at is null and status in ('sending', 'unknown');
"""
DOWNGRADE = """
drop index delivery_in_doubt;
alter table early_status drop column pricing_type, drop column pricing_category;
alter table delivery drop column pricing_type, drop column pricing_category, drop column copies;
"""


def upgrade() -> None:
    op.execute(UPGRADE)


def downgrade() -> None:
    op.execute(DOWNGRADE)
