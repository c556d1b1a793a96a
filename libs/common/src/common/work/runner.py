"""The one runner of due work.

Handlers hold no connection and commit nothing. The way of a row, step by step:

1. stored    A service stores a row (a consumer's transaction, or a handler's `store`).
2. hint      After that commit `Runner.hint` names it; the claimer wakes at once. A sweep, twice a
             second, finds what nobody hinted: other replicas' rows, retries, quiet windows.
3. claim     Claimer: one transaction sets RUNNING with lease and epoch, and `handler.load` reads
             the items. `Slots` counts them; `_start` makes a task of each.
4. handle    `_handle`: `handler.handle(claim, item)` within its deadline, many at once. An error is
             a failed try.
5. finish    Finisher: one transaction per batch moves the rows whose claim still stands
             (`WorkTable.finish`), and `handler.store` writes effects and outbox rows.
6. publish   After that commit `Outbox.publish` sends the rows, and `_on_finished` frees the slots
             and hints the rows that became due: back to 2.
"""

import asyncio
from collections.abc import Sequence
from typing import Generic

import structlog

from common.outbox import Outbox
from common.postgres.database import Database
from common.service.lifecycle import Lifecycle
from common.work.claimer import Claimer
from common.work.contract import Handled, I, R, WorkHandler, WorkLimits, after_failure
from common.work.finisher import Finisher
from common.work.outcome import Outcome
from common.work.owner import Owner
from common.work.slots import Slots
from common.work.table import Claim, Hint, WorkTable

log = structlog.get_logger()
STORE_SECONDS = 10


class Runner(Generic[I, R]):
    """A Component. Loop thread only, `hint` excepted."""

    def __init__(
        self,
        table: WorkTable,
        handler: WorkHandler[I, R],
        limits: WorkLimits,
        *,
        database: Database,
        outbox: Outbox,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table = table
        self._handler = handler
        self._limits = limits
        self._life = life
        self._slots = Slots(limits.slots)
        self._claimer = Claimer(
            table,
            handler.load,
            self._start,
            limits,
            self._slots,
            database=database,
            owner=owner,
            life=life,
        )
        self._finisher = Finisher(
            table, handler, self._on_finished, database=database, outbox=outbox
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._claiming = asyncio.create_task(self._claimer.run())
        self._finishing = asyncio.create_task(self._finisher.run())
        for loop in (self._claiming, self._finishing):
            self._life.end_with(loop, "work_ended")

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
            self._life.loop.call_soon_threadsafe(self._claimer.add_hints, hints)

    def _start(self, claim: Claim, item: I) -> None:
        task = asyncio.create_task(self._handle(claim, item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, claim: Claim, item: I) -> None:
        self._finisher.add(Handled(claim, item, await self._outcome(claim, item)))

    async def _outcome(self, claim: Claim, item: I) -> Outcome[R]:
        try:
            return await asyncio.wait_for(self._handler.handle(claim, item), self._limits.deadline)
        except Exception as error:
            log.error("work_failed", work=self._table.name, id=claim.id, exc_info=error)
            return after_failure(claim, error)

    def _on_finished(self, claims: Sequence[Claim], hints: Sequence[Hint]) -> None:
        self._slots.release(claims)
        self._claimer.add_hints(hints)
