"""What clients use of the model and send, per day."""

from alembic import op

revision = "0003"
down_revision = "0002"

USAGE = """
create table client_usage (
  client_id integer not null,
  day date not null,
  calls integer not null,
  unpriced_calls integer not null,
  input_tokens bigint not null,
  cached_tokens bigint not null,
  cache_write_tokens bigint not null,
  output_tokens bigint not null,
  reasoning_tokens bigint not null,
  cost_micros bigint not null,
  primary key (client_id, day)
);
create table number_replies (
  client_id integer not null,
  phone_number_id text not null,
  day date not null,
  replies integer not null,
  primary key (client_id, day, phone_number_id)
);
create table counted_delivery (
  delivery_id text primary key,
  counted_at timestamptz not null default now()
);
create index counted_delivery_at on counted_delivery (counted_at);
"""


def upgrade() -> None:
    op.execute(USAGE)


def downgrade() -> None:
    op.execute("drop table client_usage, number_replies, counted_delivery")
