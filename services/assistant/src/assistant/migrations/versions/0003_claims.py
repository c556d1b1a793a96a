"""Failures apart from claims, what is due by time, and the tokens of a day as one counter."""

from alembic import op

from common.work.schema import count_failures

revision = "0003"
down_revision = "0002"

USAGE_OF_DAY = """
create table usage_of_day (
  tenant_id int not null,
  day date not null,
  tokens bigint not null,
  primary key (tenant_id, day)
) with (fillfactor = 50);
insert into usage_of_day (tenant_id, day, tokens)
select tenant_id, day, sum(input_tokens + output_tokens) from usage group by tenant_id, day;
alter table message set (autovacuum_vacuum_scale_factor = 0.02);
"""


def upgrade() -> None:
    op.execute(count_failures("turn"))
    op.execute(USAGE_OF_DAY)


def downgrade() -> None:
    op.execute("drop table usage_of_day")
    op.execute("alter table turn drop column failures, drop column unfinished")
