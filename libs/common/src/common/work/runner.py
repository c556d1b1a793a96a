"""The one runner of due work.

Handlers hold no connection and commit nothing. The way of a row, step by step:

1. stored    A service stores a row (a consumer's transaction, or a handler's `store`). While few
             slots are taken, a consumer stores it as claimed already (`store_and_claim`): on to 4.
2. hint      After that commit `Runner.hint` names it; the claimer wakes at once. Once a second the
             owner looks for due rows that nobody hinted: other replicas' rows, retries, quiet
             windows; then the claimer sweeps.
3. claim     Claimer: one round trip sets RUNNING with lease and epoch, and reads what the items
             need. `Slots` counts them; `_start` makes a task of each.
4. handle    `_handle`: `handler.handle(claim, item)` within its deadline, many at once. An error is
             a failed try.
5. finish    Finisher: one transaction per batch moves the rows whose claim still stands
             (`WorkTable.finish`), and `handler.store` writes effects and outbox rows.
6. publish   After that commit `Outbox.publish` sends the rows, and `_on_finished` frees the slots
             and hints the rows that became due: back to 2.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import structlog

from common.outbox import Outbox
from common.postgres.connection import Connection
from common.postgres.database import Database, E
from common.service import metrics
from common.service.cancellation import unless_cancelled_inside
from common.service.lifecycle import Lifecycle
from common.work.claimer import ClaimedRow, Claimer, acquire, release_unconfirmed
from common.work.contract import (
    Handled,
    I,
    R,
    WorkHandler,
    WorkLimits,
    after_failure,
    is_poison,
)
from common.work.finisher import Finisher
from common.work.outcome import Dropped
from common.work.owner import Owner
from common.work.slots import Slots
from common.work.table import Claim, Hint, WorkTable

log = structlog.get_logger()
S = TypeVar("S", contravariant=True)
STORE_SECONDS = 10
IN_TRANSIT_SECONDS = 6.0  # a consumer's transaction is cut before


class Lease(NamedTuple):
    """Who claims rows while they are stored, and for how long. `owner` None: they are to wait."""

    owner: int | None
    seconds: float

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of WorkTable.claim_values."""
        return {"owner": self.owner, "lease": self.seconds}


class StoreRows(Protocol[S]):
    """Stores a batch and returns the open rows that it made or changed: `id, tenant_id, delay,
    running`, and where `running`, with the lease's owner, what a claim returns."""

    def __call__(
        self, connection: Connection, events: Sequence[S], lease: Lease, /
    ) -> Sequence[Any]: ...


class Runner(Generic[I, R]):
    """A Component. Loop thread only, `hint` and `store_and_claim` excepted."""

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
        self._database = database
        self._owner = owner
        self._life = life
        self._slots = Slots(limits.slots)
        self._claimer = Claimer(
            table, self._start, limits, self._slots, database=database, owner=owner, life=life
        )
        self._finisher = Finisher(
            table, handler, self._on_finished, database=database, outbox=outbox
        )
        owner.after_looks(self._claimer.note_look)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        self._claiming = asyncio.create_task(self._claimer.run())
        self._finishing = asyncio.create_task(self._finisher.run())
        for loop in (self._claiming, self._finishing):
            self._life.end_with(loop, "work_ended")

    async def stop(self) -> None:
        """No new claims; what runs gets its deadline; what is finished is stored."""
        self._stopping = True
        self._claimer.stop()
        await self._claiming
        await asyncio.to_thread(self._await_claims_in_transit)
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

    def store_and_claim(
        self, store: StoreRows[E], after_commit: Callable[[], None] = lambda: None
    ) -> Callable[[Sequence[E]], None]:
        """A consumer's handler: stores each batch in one transaction, in which the new rows are
        claimed while there is room for them; others are hinted."""

        def handle(events: Sequence[E]) -> None:
            rows, claimed = self._store(store, events)
            after_commit()
            hints = [Hint(row.id, row.tenant_id, row.delay) for row in rows if not row.running]
            self._life.loop.call_soon_threadsafe(self._start_and_hint, claimed, hints)

        return handle

    def _owner_of_claims(self, rows: int) -> int:
        """Who may claim so many rows while they are stored; 0 for nobody."""
        has_room = self._slots.has_room(rows) and not self._stopping
        return self._owner.number if has_room else 0

    def _store(
        self, store: StoreRows[E], events: Sequence[E]
    ) -> tuple[Sequence[Any], list[ClaimedRow]]:
        """The stored rows, and those of them that are claimed."""
        if self._owner_of_claims(len(events)):
            with self._slots.claiming:
                # Again: a stop waits for what holds the lock.
                if owner := self._owner_of_claims(len(events)):
                    return self._store_claimed(store, events, owner)
        lease = Lease(None, self._limits.lease)
        return self._database.run_transaction(lambda one: store(one, events, lease)), []

    def _store_claimed(
        self, store: StoreRows[E], events: Sequence[E], owner: int
    ) -> tuple[Sequence[Any], list[ClaimedRow]]:
        lease, at = Lease(owner, self._limits.lease), monotonic()

        def store_rows(connection: Connection) -> Sequence[Any]:
            release_unconfirmed(connection, self._table, owner, self._slots)
            self._slots.unconfirmed = True
            return store(connection, events, lease)

        rows = self._database.run_transaction(store_rows)
        claimed = acquire(self._slots, [row for row in rows if row.running], at)
        self._slots.unconfirmed = False
        return rows, claimed

    def _start_and_hint(self, claimed: Sequence[ClaimedRow], hints: Sequence[Hint]) -> None:
        metrics.WORK_CLAIMED.labels(self._table.name, "stored").inc(len(claimed))
        self._start(claimed)
        self._claimer.add_hints(hints)

    def _start(self, claimed: Sequence[ClaimedRow]) -> None:
        for row in claimed:
            task = asyncio.create_task(self._handle(row))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, row: ClaimedRow) -> None:
        self._finisher.add(await self._handled(row))

    async def _handled(self, claimed: ClaimedRow) -> Handled[I, R]:
        claim = claimed.claim
        item: Any = None  # of a row that cannot be read
        try:
            item = self._handler.item_of(claimed.row, claimed.at)
            if is_poison(claim):
                log.error("work_poison", work=self._table.name, id=claim.id)
                return Handled(claim, item, Dropped("poison"))
            self._life.crash_points.reached("work.claimed")
            async with asyncio.timeout(self._limits.deadline):
                handling = self._handler.handle(claim, item)
                outcome = await unless_cancelled_inside(handling)
            self._life.crash_points.reached("work.handled")
            return Handled(claim, item, outcome)
        except Exception as error:
            log.error("work_failed", work=self._table.name, id=claim.id, exc_info=error)
            return Handled(claim, item, after_failure(claim, error), failed=True)

    def _on_finished(self, claims: Sequence[Claim], hints: Sequence[Hint]) -> None:
        self._slots.release(claims)
        self._claimer.add_hints(hints)
        self._claimer.note_free_slots()

    def _await_claims_in_transit(self) -> None:
        """What a consumer has just claimed is started on the loop before this returns to it."""
        if self._slots.claiming.acquire(timeout=IN_TRANSIT_SECONDS):
            self._slots.claiming.release()
