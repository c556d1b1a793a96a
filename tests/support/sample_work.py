"""Due work inside a test: the sample service's tables, a handler of the test's own, a runner."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import sqlalchemy as sa
from tests.support.components import FakeProducer
from tests.support.postgres import driver_url
from tests.support.sample_service import JOBS, SCHEMA, Job, JobHandler

from common.outbox import Outbox
from common.postgres.connection import SqlConnection
from common.postgres.database import Database
from common.postgres.rows import names, unnest
from common.service.lifecycle import Component, Lifecycle
from common.work import Claim, Done, Outcome, Owner, Runner, WorkLimits

# Jobs of tests, in the given order.
ADDED = {"tenant_id": "int", "contact": "text", "n": "int"}
ADD = f"""
insert into job ({names(ADDED)}, failures, due_at)
select {names(ADDED)}, %(failures)s, now() + %(due)s * interval '1 second'
from {unnest(ADDED)} order by ordinality
returning id
"""
Do = Callable[[Claim, Job], Awaitable[Outcome[Job]]]


class CustomJobHandler(JobHandler):
    """The sample service's work with another handler."""

    def __init__(self, do: Do) -> None:
        super().__init__(0)
        self._do = do

    async def handle(self, claim: Claim, item: Job) -> Outcome[Job]:
        return await self._do(claim, item)


async def done(claim: Claim, item: Job) -> Outcome[Job]:
    """Work that is nothing."""
    return Done(item)


class Gate:
    """A handler that waits until it is released; remembers the order of starts."""

    def __init__(self) -> None:
        self.started: list[tuple[int, Job]] = []  # tenant, job
        self._gates: list[asyncio.Event] = []

    async def __call__(self, claim: Claim, item: Job) -> Outcome[Job]:
        gate = asyncio.Event()
        self.started.append((claim.tenant_id, item))
        self._gates.append(gate)
        await gate.wait()
        return Done(item)

    @property
    def tenants(self) -> list[int]:
        return [tenant for tenant, _ in self.started]

    def release(self, number: int) -> None:
        """The start of that number, from 0, ends."""
        self._gates[number].set()

    def open(self) -> None:
        for gate in self._gates:
            gate.set()


def build_runner(
    database: Database, work: JobHandler, life: Lifecycle, limits: WorkLimits
) -> Sequence[Any]:
    """[outbox, owner, runner], to be started after the database."""
    outbox, owner = Outbox(database, FakeProducer(), life), Owner(database, JOBS, life)
    runner = Runner(JOBS, work, limits, database=database, outbox=outbox, owner=owner, life=life)
    return [outbox, owner, runner]


def runner_components(
    url: str, work: JobHandler, slots: int = 10, deadline: float = 10
) -> Callable[[Lifecycle], Sequence[Component]]:
    def build(life: Lifecycle) -> Sequence[Component]:
        database = Database(url, SCHEMA, life)
        limits = WorkLimits(slots=slots, deadline=deadline)
        return [database, *build_runner(database, work, life, limits)]

    return build


def add_jobs(url: str, *jobs: tuple[int, str, int], due: float = 0, failures: int = 0) -> list[int]:
    """(tenant, contact, n) each; due in `due` seconds. Their ids."""
    columns = [list(column) for column in zip(*jobs, strict=True)]
    values = dict(zip(ADDED, columns, strict=True)) | {"due": due, "failures": failures}
    return [id for (id,) in query(url, ADD, values)]


def query(url: str, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """One committed transaction in the sample service's schema."""
    with session(url) as connection:
        rows = connection.exec_driver_sql(statement, values or {})
        return [tuple(row) for row in rows] if rows.returns_rows else []


def finished(url: str) -> int:
    """Jobs that are done or dropped."""
    count: int = query(url, "select count(*) from job where finished_at is not null")[0][0]
    return count


def session(url: str) -> Any:
    options = {"options": f"-c search_path={SCHEMA}"}
    engine = sa.create_engine(driver_url(url), connect_args=options, poolclass=sa.NullPool)
    return engine.begin()


def states(connection: SqlConnection) -> dict[int, tuple[int, int]]:
    """id -> (state, epoch)"""
    rows = connection.exec_driver_sql("select id, state, epoch from job")
    return {row.id: (row.state, row.epoch) for row in rows}
