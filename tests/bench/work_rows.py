"""The sample service's work table, filled to a size, and a runner whose work is nothing.

All that the work-table benchmark knows of `common.work` is here.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.components import running_components
from tests.support.postgres import execute
from tests.support.sample_service import JOBS, SCHEMA, Job, create_tables
from tests.support.sample_work import CustomJobHandler, build_runner, query

from common.postgres.connection import Connection, Statement
from common.postgres.database import Database
from common.postgres.engine import connection_arguments
from common.service.lifecycle import Component, Lifecycle
from common.work import Claim, Done, Handled, Hint, Outcome, Runner, Stored, WorkLimits, WorkState
from common.work.fairness import choose, claim_budget, each_of
from common.work.statements import DUE_AT_ONCE
from devkit.stack.postgres import LocalPostgres

SLOTS = 500  # a service's own number
SWEEPING_OWNER, LEASE = 1, 30.0
FILL = f"""
insert into job (tenant_id, contact, n, due_at, state, finished_at)
select {{tenant}}, {{contact}}, number, now() + ({{due}}) * interval '1 second',
  case when {{finished}} then {WorkState.DONE.value} else {WorkState.WAITING.value} end,
  case when {{finished}} then now() end
from generate_series(1, {{count}}) number order by number
"""
# As a service stores what waits behind an open row.
BLOCK = f"""
update job t set state = {WorkState.BLOCKED.value} where t.state = {WorkState.WAITING.value}
  and exists (select from job earlier where earlier.contact = t.contact and earlier.id < t.id
    and earlier.finished_at is null)
"""
ADD_DUE = """insert into job (tenant_id, contact, n)
select {tenant}, gen_random_uuid()::text, 0 returning id"""
Handle = Callable[[Claim], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rows:
    """`tenant`, `contact` and `due` (seconds from now) are SQL over `number`, from 1 to `count`."""

    count: int
    tenant: str = "1"
    contact: str = "'c' || number"
    due: str = "0"
    finished: bool = False


def filled_table(postgres: LocalPostgres, name: str, *rows: Rows) -> str:
    """The URL of a new database with such a work table."""
    postgres.create_database(name)
    url = postgres.url(name)
    create_tables(url)
    for each in rows:
        columns = {"tenant": each.tenant, "contact": each.contact, "due": each.due}
        query(url, FILL.format(count=each.count, finished=each.finished, **columns))
    query(url, BLOCK)
    execute(url, f"vacuum analyze {SCHEMA}.job")
    return url


def add_due_row(url: str, tenant: int) -> None:
    """Without a hint."""
    query(url, ADD_DUE.format(tenant=tenant))


def timed_sweeps(url: str, count: int) -> list[float]:
    """Milliseconds of each; an idle process makes them, and keeps what it claims."""
    connection, cursor, times = Connection(connection_arguments(url, "bench"), SCHEMA), 0, []
    budget = claim_budget(SLOTS, 0, 0)
    for _ in range(count):
        began = time.perf_counter()
        due = JOBS.due(connection)
        if len(due) == DUE_AT_ONCE:
            more, cursor = JOBS.due_by_tenant(connection, cursor, each_of(budget.take))
            due = more + due
        if ids := choose(due, {}, budget, budget.take):
            connection.execute_together(JOBS.claim(ids, SWEEPING_OWNER, LEASE), commit=True)
        times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return times


class WithoutEffects(CustomJobHandler):
    """Reads and stores nothing; counts what was finished."""

    def __init__(self, handle: Handle) -> None:
        async def do(claim: Claim, item: Job) -> Outcome[Job]:
            await handle(claim)
            return Done(item)

        super().__init__(do)
        self.finished = 0

    def store(
        self,
        connection: Connection,
        finish: Sequence[Statement],
        handled: Sequence[Handled[Job, Job]],
    ) -> Stored:
        ended = [each.item.id for each in handled]
        statements = [*finish, *JOBS.unblock(ended), JOBS.stood(finish)]
        rows = connection.execute_together(statements, commit=True)
        self.finished += len(handled)
        return Stored({(row.id, row.epoch) for row in rows}, (), ())


@dataclass(frozen=True, slots=True)
class RunningWork:
    """A runner at work on the table; `handler.finished` counts."""

    handler: WithoutEffects
    runner: Runner[Job, Job]
    database: Database

    async def add_hinted_rows(self, tenants: Sequence[int]) -> None:
        """One due row each, as a service stores them: the runner is told after the commit."""
        self.runner.hint(await self.database.transaction(lambda c: insert(c, tenants)))


def insert(connection: Connection, tenants: Sequence[int]) -> list[Hint]:
    statement = ADD_DUE.format(tenant="unnest(%(tenants)s::int[])") + ", tenant_id"
    rows = connection.exec_driver_sql(statement, {"tenants": list(tenants)})
    return [Hint(row.id, row.tenant_id, 0) for row in rows]


@asynccontextmanager
async def running_work(url: str, handle: Handle, slots: int = SLOTS) -> AsyncIterator[RunningWork]:
    made: list[RunningWork] = []

    def build(life: Lifecycle) -> Sequence[Component]:
        database, handler = Database(url, SCHEMA, life), WithoutEffects(handle)
        components = build_runner(database, handler, life, WorkLimits(slots=slots, deadline=10))
        made.append(RunningWork(handler, components[-1], database))
        return [database, *components]

    async with running_components(build):
        yield made[0]
