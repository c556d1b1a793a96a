"""Meta's limits across all replicas: what each number and each pair of number and contact has used.

Of a pair nothing is lost with a crash of the database but a few refusals, so it needs no WAL.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

NUMBER_PACE = """
create table number_pace (
  phone_number_id text primary key,
  tat timestamptz not null,
  per_second float8 not null,
  slowed_to float8 not null default 1,
  slowed_at timestamptz
) with (fillfactor = 20);
"""
PAIR_PACE = """
create unlogged table pair_pace (
  conversation text primary key,
  started timestamptz not null,
  count int not null
) with (fillfactor = 70);
"""


def upgrade() -> None:
    op.execute(NUMBER_PACE)
    op.execute(PAIR_PACE)
    op.execute("alter table delivery add column send_at timestamptz")


def downgrade() -> None:
    op.execute("alter table delivery drop column send_at")
    op.execute("drop table pair_pace, number_pace")
