"""Every call of the model, what clients and contacts have spent per day, and what is reserved."""

from alembic import op

revision = "0010"
down_revision = "0009"

# Old replicas write `usage` without an epoch, and usage_of_day, which nothing reads any more.
USAGE = """
alter table usage
  add column epoch int not null default 0,
  add column number smallint not null default 0,
  add column cache_write_tokens int not null default 0,
  add column reasoning_tokens int not null default 0,
  add column micros bigint,
  add column result text not null default 'answered';
alter table usage drop constraint usage_pkey;
create unique index usage_call on usage (turn_id, epoch, number);
create index usage_of_client on usage (tenant_id, day);
"""
# conversation_id 0: all conversations of the client. day: in the client's time zone.
SPEND = """
create table spend (
  tenant_id int not null,
  conversation_id bigint not null,
  day date not null,
  calls int not null default 0,
  unpriced_calls int not null default 0,
  tokens bigint not null default 0,
  micros bigint not null default 0,
  input_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  primary key (tenant_id, conversation_id, day)
) with (fillfactor = 50);
create index spend_of_day on spend (day) where conversation_id = 0;
insert into spend (tenant_id, conversation_id, day, calls, unpriced_calls, tokens,
  input_tokens, cached_tokens, output_tokens)
select tenant_id, 0, day, count(*), count(*), sum(input_tokens::bigint + output_tokens),
  sum(input_tokens), sum(cached_tokens), sum(output_tokens)
from usage group by tenant_id, day;
"""
RESERVATION = """
create table reservation (
  turn_id bigint not null,
  epoch int not null,
  tenant_id int not null,
  conversation_id bigint not null,
  tokens bigint not null,
  micros bigint not null,
  until timestamptz not null,
  primary key (turn_id, epoch)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index reservation_of_client on reservation (tenant_id);
alter table conversation add column budget_text_on date;
"""


def upgrade() -> None:
    op.execute(USAGE)
    op.execute(SPEND)
    op.execute(RESERVATION)


def downgrade() -> None:
    op.execute("alter table conversation drop column budget_text_on")
    op.execute("drop table reservation, spend")
    op.execute("drop index usage_call, usage_of_client")
    op.execute("delete from usage where epoch > 0")
    op.execute("""alter table usage drop column epoch, drop column number,
      drop column cache_write_tokens, drop column reasoning_tokens, drop column micros,
      drop column result, add primary key (tenant_id, day, turn_id)""")
