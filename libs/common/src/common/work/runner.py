"""The one runner of due work: claim, handle concurrently, finish in arrays, publish.

Woken at once by what the same process stored; sweeps for the rest (other replicas' rows, retries,
quiet windows). Handlers hold no connection and commit nothing.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Generic

import structlog

from common.outbox import Outbox
from common.postgres.database import Database
from common.service.lifecycle import Lifecycle
from common.work.claimer import Claimer
from common.work.contract import Handled, I, R, Work, WorkLimits, after_failure
from common.work.finisher import Finisher
from common.work.outcome import Outcome
from common.work.owner import Owner
from common.work.slots import Hand
from common.work.table import Claim, Hint, WorkTable

log = structlog.get_logger()
STORE_SECONDS = 10


class Runner(Generic[I, R]):
    """A Component. Loop thread only, `hint` excepted."""

    def __init__(
        self,
        table: WorkTable,
        work: Work[I, R],
        limits: WorkLimits,
        *,
        database: Database,
        outbox: Outbox,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table, self._work, self._limits, self._life = table, work, limits, life
        self._hand = Hand(limits.slots)
        self._claimer = Claimer(
            table,
            work.load,
            self._launch,
            limits,
            self._hand,
            database=database,
            owner=owner,
            life=life,
        )
        self._finisher = Finisher(table, work, self._finished, database=database, outbox=outbox)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._claiming = self._loop(self._claimer.run())
        self._finishing = self._loop(self._finisher.run())

    async def stop(self) -> None:
        """No new claims; what runs gets its deadline; what is finished is stored."""
        self._claimer.stop()
        await self._claiming
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.deadline)
        self._finisher.stop()
        await asyncio.wait([self._finishing], timeout=STORE_SECONDS)
        for task in self._tasks | {self._finishing}:
            task.cancel()

    def hint(self, hints: Sequence[Hint]) -> None:
        """From any thread, after the commit that made these rows due."""
        if hints:
            self._life.loop.call_soon_threadsafe(self._claimer.take, hints)

    def _loop(self, running: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(running)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("work_ended", work=self._table.name, exc_info=error)
            self._life.fatal("work_ended")

    def _launch(self, claim: Claim, item: I) -> None:
        task = asyncio.create_task(self._handle(claim, item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, claim: Claim, item: I) -> None:
        self._finisher.add(Handled(claim, item, await self._outcome(claim, item)))

    async def _outcome(self, claim: Claim, item: I) -> Outcome[R]:
        try:
            return await asyncio.wait_for(self._work.handle(claim, item), self._limits.deadline)
        except Exception as error:
            log.error("work_failed", work=self._table.name, id=claim.id, exc_info=error)
            return after_failure(claim, error)

    def _finished(self, claims: Sequence[Claim], hints: Sequence[Hint]) -> None:
        self._hand.let_go(claims)
        self._claimer.take(hints)
