"""Due work as rows: the columns every work table has, and the SQL that moves them.

A row is claimed under a lease and an epoch; a result counts only while both still stand. Every
statement works on arrays: one by one they cost ten times as much. The shapes avoid planner traps
that cost time once: the partial index of open rows is on finished_at, ids are matched with
`= any(array(...))`, locks come first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from sqlalchemy import Connection

from common.postgres.batch_statements import NO_WAIT
from common.postgres.rows import arrays, rows_as, unnest
from common.work.fairness import MAX_TENANTS, ClaimBudget


class WorkState(IntEnum):
    """What the column `state` holds. Only this package writes it."""

    WAITING = 0  # due at due_at, or later
    RUNNING = 1  # claimed: lease_until and owner say how long and by whom
    DONE = 2
    DROPPED = 3  # given up; reason says why


WAITING, RUNNING, DONE = WorkState.WAITING.value, WorkState.RUNNING.value, WorkState.DONE.value

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

INDEXES = f"""
create index {{table}}_due on {{table}} (tenant_id, due_at) where state = {WAITING};
create index {{table}}_running on {{table}} (lease_until) where state = {RUNNING};
"""

# A condition: no earlier row of the same serial column is open.
IS_FIRST = """and not exists (select from {table} earlier where earlier.{serial} = t.{serial}
    and earlier.id < t.id and earlier.finished_at is null)"""

TAKE = f"""update {{table}} t set state = {RUNNING}, epoch = epoch + 1, attempts = attempts + 1,
  owner = %(owner)s, lease_until = now() + %(lease)s * interval '1 second'"""

# Claims rows by id: the normal case, rows that this process has just stored.
CLAIM_BY_ID = f"""
with picked as (
  select id from {{table}} t where t.id = any(%(ids)s::bigint[]) and t.state = {WAITING}
    and t.due_at <= now() {{is_first}} for update skip locked)
{TAKE}
where t.id = any(array(select id from picked))
returning t.id, t.epoch, t.attempts, t.tenant_id
"""

# Claims fairly over the tenants behind the cursor that have waiting rows. One row per claim, with
# the number of tenants seen and the last of them; one row of nulls when nothing was claimed.
SWEEP = f"""
with recursive tenants(tenant_id) as (
  (select tenant_id from {{table}} where state = {WAITING} and tenant_id > %(cursor)s
   order by tenant_id limit 1)
  union all
  select (select t.tenant_id from {{table}} t
          where t.state = {WAITING} and t.tenant_id > tenants.tenant_id
          order by t.tenant_id limit 1)
  from tenants where tenants.tenant_id is not null),
seen as materialized (
  select tenant_id from tenants where tenant_id is not null limit %(max_tenants)s),
candidates as (
  select due.id, due.due_at,
    coalesce(held.running, 0)
      + row_number() over (partition by seen.tenant_id order by due.due_at) as rank
  from seen left join unnest(%(tenants)s::int[], %(counts)s::int[]) held(tenant_id, running)
    using (tenant_id)
  cross join lateral (
    select id, due_at from {{table}} t
    where t.state = {WAITING} and t.tenant_id = seen.tenant_id and t.due_at <= now() {{is_first}}
    order by t.due_at
    limit least(greatest(%(share)s - coalesce(held.running, 0), 0), %(take)s)
    for update skip locked) due),
picked as (
  select id from (
    select id, rank, row_number() over (order by rank, due_at) as place from candidates) ranked
  where place <= least(%(general)s, %(take)s) or (place <= %(take)s and rank <= %(fair)s)),
claimed as (
  {TAKE}
  where t.id = any(array(select id from picked))
  returning t.id, t.epoch, t.attempts, t.tenant_id)
select claimed.*, summary.tenants_seen, summary.last_tenant
from (select count(*) as tenants_seen, coalesce(max(tenant_id), 0) as last_tenant from seen) summary
left join claimed on true
"""

FINISHED = {
    "id": "bigint",
    "epoch": "int",
    "state": "smallint",
    "delay": "float8",
    "reason": "text",
}
# Moves claimed rows whose claim still stands. Rows are locked by id, as every other statement that
# locks several rows of the table does: two orders are a deadlock.
FINISH = f"""
with given as (select * from {unnest(FINISHED, "r")}),
locked as (select id from {{table}} where id = any(%(id)s::bigint[]) order by id for update)
update {{table}} t set state = given.state, reason = given.reason, lease_until = null, owner = null,
  due_at = case when given.state = {WAITING} then now() + given.delay * interval '1 second'
    else t.due_at end,
  finished_at = case when given.state = {WAITING} then null else now() end
from given
where t.id = any(array(select id from locked)) and t.id = given.id and t.epoch = given.epoch
  and t.state = {RUNNING}
returning t.id, t.epoch
"""

# The owners that have running rows.
OWNERS = f"""
select distinct owner from {{table}} where state = {RUNNING} and owner is not null
"""

# Running rows of one owner become another's, which is the same process under a new number.
ADOPT = f"update {{table}} set owner = %(new)s where state = {RUNNING} and owner = %(old)s"

# Makes the rows of dead owners and expired leases wait again.
TAKE_OVER = f"""
update {{table}} set state = {WAITING}, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {{table}}
  where state = {RUNNING} and (lease_until < now() or owner = any(%(dead)s::int[]))
  for update skip locked))
"""

# Makes the rows wait again that stand as this owner's though it does not have them: the answer to
# their claim was lost.
RELEASE_UNCONFIRMED = f"""
update {{table}} set state = {WAITING}, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {{table}} w
  where w.state = {RUNNING} and w.owner = %(owner)s and not exists (
    select from unnest(%(ids)s::bigint[], %(epochs)s::int[]) held(id, epoch)
    where held.id = w.id and held.epoch = w.epoch)
  for update skip locked))
"""

# The first open row behind each finished one, where it waits.
SUCCESSORS = f"""
select first.id, first.tenant_id,
  greatest(0, extract(epoch from first.due_at - clock_timestamp()))::float8 as delay
from (select distinct {{serial}} from {{table}} where id = any(%(ids)s::bigint[])) done
cross join lateral (
  select id, tenant_id, due_at, state from {{table}} n
  where n.{{serial}} = done.{{serial}} and n.finished_at is null order by n.id limit 1) first
where first.state = {WAITING}
"""


class Claim(NamedTuple):
    """A claimed row. `attempts` counts claims, this one included."""

    id: int
    epoch: int
    attempts: int
    tenant_id: int


class Hint(NamedTuple):
    """A row that this process stored: due in `delay` seconds."""

    id: int
    tenant_id: int
    delay: float


@dataclass(frozen=True, slots=True)
class Transition:
    """What becomes of a claimed row: WAITING means due again after `delay` seconds."""

    claim: Claim
    state: WorkState
    delay: float
    reason: str

    @property
    def id(self) -> int:
        return self.claim.id

    @property
    def epoch(self) -> int:
        return self.claim.epoch


class WorkTable:
    """The statements for one table. `serial`: the column whose rows run one after the other.

    `careful`: a claim waits for the disk, because acting on a lost claim is not repeatable.
    """

    def __init__(self, name: str, serial: str | None = None, *, careful: bool = False) -> None:
        self.name = name
        is_first = IS_FIRST.format(table=name, serial=serial) if serial else ""
        names = {"table": name, "is_first": is_first, "serial": serial or "id"}
        first = "" if careful else NO_WAIT
        self._claim_by_id = first + CLAIM_BY_ID.format(**names)
        self._sweep = first + SWEEP.format(**names)
        self._finish = FINISH.format(**names)
        self._owners = OWNERS.format(**names)
        self._adopt = ADOPT.format(**names)
        self._take_over = TAKE_OVER.format(**names)
        self._release_unconfirmed = RELEASE_UNCONFIRMED.format(**names)
        self._successors = SUCCESSORS.format(**names) if serial else None

    def indexes(self) -> str:
        return INDEXES.format(table=self.name)

    # ---- for services that store into the table themselves -------------------------------------

    @property
    def is_running(self) -> str:
        """A condition on a row of the table."""
        return f"{self.name}.state = {RUNNING}"

    def void_claim(self, condition: str) -> str:
        """Assignments of an update: where `condition` holds, the row's claim counts no more (its
        late result is refused) and the row waits again."""
        return f"""epoch = {self.name}.epoch + ({condition})::int,
  lease_until = case when {condition} then null else {self.name}.lease_until end,
  state = case when {condition} then {WAITING} else {self.name}.state end"""

    def finish_open(self, alias: str, reason: str) -> str:
        """Assignments of an update: an open row is done, and a late result of its claim is refused.
        A finished row stays as it is. `reason` is an SQL expression."""
        is_open = f"{alias}.finished_at is null"
        return f"""epoch = {alias}.epoch + ({is_open})::int,
  state = case when {is_open} then {DONE} else {alias}.state end,
  reason = case when {is_open} then {reason} else {alias}.reason end,
  finished_at = coalesce({alias}.finished_at, now()), lease_until = null, owner = null"""

    # ---- for the runner ------------------------------------------------------------------------

    def claim_by_id(
        self, connection: Connection, ids: list[int], owner: int, lease: float
    ) -> list[Claim]:
        values = {"ids": ids, "owner": owner, "lease": lease}
        return rows_as(Claim, connection.exec_driver_sql(self._claim_by_id, values))

    def sweep(
        self,
        connection: Connection,
        budget: ClaimBudget,
        running: dict[int, int],
        cursor: int,
        owner: int,
        lease: float,
    ) -> tuple[list[Claim], int]:
        """A fair claim over all tenants; the second value is the next cursor.

        running: tenant_id -> rows that this process has claimed.
        """
        values = {
            "tenants": list(running),
            "counts": list(running.values()),
            "cursor": cursor,
            "max_tenants": MAX_TENANTS,
            "owner": owner,
            "lease": lease,
            "take": budget.take,
            "share": budget.share,
            "general": budget.general,
            "fair": budget.fair,
        }
        rows = connection.exec_driver_sql(self._sweep, values).all()
        claims = [
            Claim(row.id, row.epoch, row.attempts, row.tenant_id)
            for row in rows
            if row.id is not None
        ]
        summary = rows[0]
        return claims, summary.last_tenant if summary.tenants_seen == MAX_TENANTS else 0

    def finish(
        self, connection: Connection, transitions: Collection[Transition]
    ) -> set[tuple[int, int]]:
        """(id, epoch) of claims that still stood; the others are refused and change nothing."""
        ordered = sorted(transitions, key=lambda transition: transition.id)
        rows = connection.exec_driver_sql(self._finish, arrays(FINISHED, ordered))
        return {(row.id, row.epoch) for row in rows}

    def successors(self, connection: Connection, ids: list[int]) -> list[Hint]:
        """The next due rows behind finished ones, where rows run one after the other."""
        if self._successors is None or not ids:
            return []
        return rows_as(Hint, connection.exec_driver_sql(self._successors, {"ids": ids}))

    def owners(self, connection: Connection) -> list[int]:
        return list(connection.exec_driver_sql(self._owners).scalars())

    def adopt(self, connection: Connection, old: int, new: int) -> int:
        """Returns how many rows changed their owner."""
        return connection.exec_driver_sql(self._adopt, {"old": old, "new": new}).rowcount

    def take_over(self, connection: Connection, dead_owners: list[int]) -> int:
        """Returns how many rows wait again."""
        return connection.exec_driver_sql(self._take_over, {"dead": dead_owners}).rowcount

    def release_unconfirmed(
        self, connection: Connection, owner: int, held: Collection[Claim]
    ) -> None:
        """held: the claims that the owner knows of."""
        values = {
            "owner": owner,
            "ids": [claim.id for claim in held],
            "epochs": [claim.epoch for claim in held],
        }
        connection.exec_driver_sql(self._release_unconfirmed, values)
