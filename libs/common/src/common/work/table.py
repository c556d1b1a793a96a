"""Due work as rows: the columns every work table has, and the SQL that moves them.

state: 0 waiting, 1 running, 2 done, 3 dropped. A row is claimed under a lease and an epoch; a
result counts only while both still stand. Every statement works on arrays: one by one they cost
ten times as much. The shapes avoid planner traps that cost time once: the partial index of open
rows is on finished_at, ids are matched with `= any(array(...))`, locks come first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from common.postgres.batch_statements import NO_WAIT
from common.work.fairness import MAX_TENANTS, Room

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


class Claim(NamedTuple):
    """A row in hand. `attempts` counts claims, this one included."""

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
    """What becomes of a claimed row: state 2 done, 3 dropped, 0 due again after `delay` seconds."""

    claim: Claim
    state: int
    delay: float
    reason: str


class WorkTable:
    """The statements for one table. `serial`: the column whose rows run one after the other.

    `careful`: a claim waits for the disk, because acting on a lost claim is not repeatable.
    """

    def __init__(self, name: str, serial: str | None = None, *, careful: bool = False) -> None:
        self.name = name
        head = serial_condition(name, serial) if serial else ""
        names = {"table": name, "head": head, "serial": serial or "id"}
        first = "" if careful else NO_WAIT
        self._by_id, self._sweep = first + BY_ID.format(**names), first + SWEEP.format(**names)
        self._finish, self._release = FINISH.format(**names), RELEASE.format(**names)
        self._give_back = GIVE_BACK.format(**names)
        self._next = NEXT.format(**names) if serial else None

    def indexes(self) -> str:
        return INDEXES.format(table=self.name)

    def claim_by_id(
        self, connection: Connection, ids: list[int], owner: int, lease: float
    ) -> list[Claim]:
        """The normal case: rows this process has just stored."""
        values = {"ids": ids, "owner": owner, "lease": lease}
        return [Claim(*row) for row in connection.exec_driver_sql(self._by_id, values)]

    def sweep(
        self,
        connection: Connection,
        space: Room,
        running: dict[int, int],
        cursor: int,
        owner: int,
        lease: float,
    ) -> tuple[list[Claim], int]:
        """A fair claim over all tenants; the second value is the next cursor.

        running: tenant_id -> rows in hand of this process.
        """
        values = {
            "tenants": list(running),
            "counts": list(running.values()),
            "cursor": cursor,
            "max_tenants": MAX_TENANTS,
            "owner": owner,
            "lease": lease,
            "take": space.take,
            "share": space.share,
            "general": space.general,
            "fair": space.fair,
        }
        rows = connection.exec_driver_sql(self._sweep, values).all()
        seen, last = rows[0][4], rows[0][5]
        claims = [Claim(*row[:4]) for row in rows if row[0] is not None]
        return claims, last if seen == MAX_TENANTS else 0

    def finish(self, connection: Connection, verdicts: list[Transition]) -> set[tuple[int, int]]:
        """(id, epoch) of claims that still stood; the others are refused and change nothing."""
        ordered = sorted(verdicts, key=lambda verdict: verdict.claim.id)
        values = {
            "id": [verdict.claim.id for verdict in ordered],
            "epoch": [verdict.claim.epoch for verdict in ordered],
            "state": [verdict.state for verdict in ordered],
            "delay": [verdict.delay for verdict in ordered],
            "reason": [verdict.reason for verdict in ordered],
        }
        return {(id, epoch) for id, epoch in connection.exec_driver_sql(self._finish, values)}

    def successors(self, connection: Connection, ids: list[int]) -> list[Hint]:
        """The next due rows behind finished ones, where rows run one after the other."""
        if self._next is None or not ids:
            return []
        return [Hint(*row) for row in connection.exec_driver_sql(self._next, {"ids": ids})]

    def owners(self, connection: Connection) -> list[int]:
        query = f"select distinct owner from {self.name} where state = 1 and owner is not null"
        return list(connection.exec_driver_sql(query).scalars())

    def release(self, connection: Connection, dead_owners: list[int]) -> int:
        """Gives back what dead owners and expired leases held; returns how many."""
        return connection.exec_driver_sql(self._release, {"dead": dead_owners}).rowcount

    def give_back(self, connection: Connection, owner: int, held: Collection[Claim]) -> None:
        """Rows that stand as this owner's and that it does not hold: their claim was not heard."""
        values = {
            "owner": owner,
            "ids": [claim.id for claim in held],
            "epochs": [claim.epoch for claim in held],
        }
        connection.exec_driver_sql(self._give_back, values)


def serial_condition(table: str, column: str) -> str:
    return (
        f"and not exists (select from {table} e where e.{column} = t.{column}"
        " and e.id < t.id and e.finished_at is null)"
    )


INDEXES = """
create index {table}_due on {table} (tenant_id, due_at) where state = 0;
create index {table}_running on {table} (lease_until) where state = 1;
"""

TAKE = """update {table} t set state = 1, epoch = epoch + 1, attempts = attempts + 1,
  owner = %(owner)s, lease_until = now() + %(lease)s * interval '1 second'"""

BY_ID = (
    """
with pick as (
  select id from {table} t where t.id = any(%(ids)s::bigint[]) and t.state = 0
    and t.due_at <= now() {head} for update skip locked)
"""
    + TAKE
    + """
where t.id = any(array(select id from pick))
returning t.id, t.epoch, t.attempts, t.tenant_id
"""
)

SWEEP = (
    """
with recursive ten(tenant_id) as (
  (select tenant_id from {table} where state = 0 and tenant_id > %(cursor)s
   order by tenant_id limit 1)
  union all
  select (select t.tenant_id from {table} t where t.state = 0 and t.tenant_id > ten.tenant_id
          order by t.tenant_id limit 1)
  from ten where ten.tenant_id is not null),
win as materialized (
  select tenant_id from ten where tenant_id is not null limit %(max_tenants)s),
cand as (
  select x.id, x.due_at,
    coalesce(u.running, 0) + row_number() over (partition by win.tenant_id order by x.due_at)
      as rank
  from win left join unnest(%(tenants)s::int[], %(counts)s::int[]) u(tenant_id, running)
    using (tenant_id)
  cross join lateral (
    select id, due_at from {table} t
    where t.state = 0 and t.tenant_id = win.tenant_id and t.due_at <= now() {head}
    order by t.due_at
    limit least(greatest(%(share)s - coalesce(u.running, 0), 0), %(take)s)
    for update skip locked) x),
pick as (
  select id from (select id, rank, row_number() over (order by rank, due_at) o from cand) z
  where o <= least(%(general)s, %(take)s) or (o <= %(take)s and rank <= %(fair)s)),
upd as ("""
    + TAKE
    + """
  where t.id = any(array(select id from pick))
  returning t.id, t.epoch, t.attempts, t.tenant_id)
select upd.*, w.n, w.last
from (select count(*) n, coalesce(max(tenant_id), 0) last from win) w left join upd on true
"""
)

# Rows are locked by id, as whoever stores into the table does: two ways round are a deadlock.
FINISH = """
with r as (
  select * from unnest(%(id)s::bigint[], %(epoch)s::int[], %(state)s::smallint[],
    %(delay)s::float8[], %(reason)s::text[]) r(id, epoch, state, delay, reason)),
held as (select id from {table} where id = any(%(id)s::bigint[]) order by id for update)
update {table} t set state = r.state, reason = r.reason, lease_until = null, owner = null,
  due_at = case when r.state = 0 then now() + r.delay * interval '1 second' else t.due_at end,
  finished_at = case when r.state = 0 then null else now() end
from r
where t.id = any(array(select id from held)) and t.id = r.id and t.epoch = r.epoch
  and t.state = 1
returning t.id, t.epoch
"""

RELEASE = """
update {table} set state = 0, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {table}
  where state = 1 and (lease_until < now() or owner = any(%(dead)s::int[]))
  for update skip locked))
"""

GIVE_BACK = """
update {table} set state = 0, epoch = epoch + 1, lease_until = null, owner = null
where id = any(array(
  select id from {table} w
  where w.state = 1 and w.owner = %(owner)s and not exists (
    select from unnest(%(ids)s::bigint[], %(epochs)s::int[]) h(id, epoch)
    where h.id = w.id and h.epoch = w.epoch)
  for update skip locked))
"""

NEXT = """
select t.id, t.tenant_id,
  greatest(0, extract(epoch from t.due_at - clock_timestamp()))::float8
from (select distinct {serial} from {table} where id = any(%(ids)s::bigint[])) done
cross join lateral (
  select id, tenant_id, due_at, state from {table} n
  where n.{serial} = done.{serial} and n.finished_at is null order by n.id limit 1) t
where t.state = 0
"""
