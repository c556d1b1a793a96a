"""What Meta names as the price of clients' replies, per day."""

from alembic import op

revision = "0004"
down_revision = "0003"

PRICES = """
create table priced_replies (
  client_id integer not null,
  day date not null,
  pricing_category text not null,
  pricing_type text not null,
  replies integer not null,
  primary key (client_id, day, pricing_category, pricing_type)
);
alter table counted_delivery add column priced boolean not null default false;
"""


def upgrade() -> None:
    op.execute(PRICES)


def downgrade() -> None:
    op.execute("drop table priced_replies; alter table counted_delivery drop column priced")
