"""What Meta tells about accounts and numbers: the newest of each kind."""

from alembic import op

revision = "0005"
down_revision = "0004"

# '' where it is of the whole account, or the number is known by the other of the two only.
NEWS = """
create table account_news (
  waba_id text not null,
  phone_number_id text not null,
  phone_number text not null,
  what text not null,
  subject text not null,
  level text not null,
  detail text,
  "limit" text,
  messages_per_second integer,
  at timestamptz not null,
  until timestamptz,
  primary key (waba_id, phone_number_id, phone_number, what, subject)
);
create index account_news_number_id on account_news (phone_number_id) where phone_number_id <> '';
create index account_news_number on account_news (phone_number) where phone_number <> '';
create index account_news_at on account_news (at);
create table number_account (
  phone_number_id text primary key,
  waba_id text not null
);
"""


def upgrade() -> None:
    op.execute(NEWS)


def downgrade() -> None:
    op.execute("drop table account_news, number_account")
