"""The columns and indexes of a work table, and how they came about."""

from enum import IntEnum


class WorkState(IntEnum):
    """What the column `state` holds. Only this package writes it."""

    WAITING = 0  # due at due_at, or later
    RUNNING = 1  # claimed: lease_until and owner say how long and by whom
    DONE = 2
    DROPPED = 3  # given up; reason says why
    BLOCKED = 4  # waits behind an earlier row of the same serial column


WAITING, RUNNING, DONE, BLOCKED = (
    WorkState.WAITING.value,
    WorkState.RUNNING.value,
    WorkState.DONE.value,
    WorkState.BLOCKED.value,
)

# As the first migrations made them; what came later is added by UPGRADES.
COLUMNS = """
  id bigint generated always as identity primary key,
  tenant_id int not null,
  state smallint not null default 0,
  epoch int not null default 0,
  attempts int not null default 0,
  due_at timestamptz not null default now(),
  lease_until timestamptz,
  owner int,
  reason text,
  opened_at timestamptz not null default now(),
  finished_at timestamptz
"""
STORAGE = """with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0)"""


def indexes(table: str) -> str:
    return f"""
create index {table}_due on {table} (tenant_id, due_at) where state = {WAITING};
create index {table}_running on {table} (lease_until) where state = {RUNNING};
"""


def count_failures(table: str) -> str:
    """Failures apart from claims, and an index to find what is due whichever tenant has it."""
    return f"""
alter table {table} add column failures smallint not null default 0;
alter table {table} add column unfinished smallint not null default 0;
create index {table}_due_at on {table} (due_at) where state = {WAITING};
"""


def block_successors(table: str, serial: str) -> str:
    """Rows behind an open one are not in the indexes of what is due; two rows of one serial column
    cannot run at once."""
    return f"""
create unique index {table}_runs_alone on {table} ({serial}) where state = {RUNNING};
create index {table}_blocked on {table} (id) where state = {BLOCKED};
update {table} t set state = {BLOCKED} where t.state = {WAITING} and exists (
  select from {table} earlier where earlier.{serial} = t.{serial} and earlier.id < t.id
    and earlier.finished_at is null);
"""
