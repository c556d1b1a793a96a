"""The one runner of due work: claim, handle concurrently, finish in arrays, publish.

Woken at once by what the same process stored; sweeps for the rest (other replicas' rows, retries,
quiet windows). Handlers hold no connection and commit nothing.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from common import metrics
from common.database import Database
from common.lifecycle import Lifecycle
from common.outbox import Outbox, Row
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.owner import Owner
from common.work.shares import is_held_back, room
from common.work.table import Claim, Hint, Verdict, WorkTable

log = structlog.get_logger()
SWEEP_EVERY = 0.5
FINISH_AT_MOST = 200
FAILED_TRIES = 5

I = TypeVar("I")  # noqa: E741 - the item a handler gets
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Settled(Generic[I, R]):
    """A handled item whose claim still stood: its effects are to be stored now."""

    claim: Claim
    item: I
    outcome: Outcome[R]


class Work(Protocol[I, R]):
    """What a service says about its due rows."""

    def load(self, connection: Connection, claims: Sequence[Claim]) -> Sequence[I]:
        """In the claim's transaction: the items to handle, in the order of the claims."""

    async def handle(self, claim: Claim, item: I) -> Outcome[R]:
        """No connection, no commit. Whatever it raises counts as a failed try."""

    def store(
        self, connection: Connection, settled: Sequence[Settled[I, R]]
    ) -> tuple[Sequence[Row], Sequence[Hint]]:
        """In the finish's transaction: effects, outbox rows to publish and rows that became due."""


@dataclass(frozen=True, slots=True)
class Limits:
    """slots: rows in hand at once. deadline: seconds of one handle. The lease outlives it.

    careful: the claim waits for the disk, because acting on a lost claim is not repeatable.
    """

    slots: int = 500
    deadline: float = 60.0
    careful: bool = False

    @property
    def lease(self) -> float:
        return self.deadline + 30.0


class Runner(Generic[I, R]):
    """A Part. Loop thread only, `hint` excepted."""

    def __init__(
        self,
        table: WorkTable,
        work: Work[I, R],
        limits: Limits,
        *,
        database: Database,
        outbox: Outbox,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table, self._work, self._limits = table, work, limits
        self._database, self._outbox, self._owner, self._life = database, outbox, owner, life
        self._hints: deque[Hint] = deque()
        self._held: set[Claim] = set()
        self._running: Counter[int] = Counter()  # of _held, by tenant
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: list[tuple[Settled[I, R], Verdict]] = []
        self._wake, self._finish = asyncio.Event(), asyncio.Event()
        self._backlog = False
        self._held_back = False
        self._unheard = False  # the last claim may stand without our knowing
        self._stopping = False
        self._cursor = 0
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._loops = [
            asyncio.create_task(self._claims()),
            asyncio.create_task(self._finishes()),
        ]
        for task in self._loops:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """No new claims; what runs gets its deadline; what is finished is stored."""
        self._stopping = True
        self._wake.set()
        await self._loops[0]
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._limits.deadline)
        self._finish.set()
        await asyncio.wait([self._loops[1]], timeout=10)
        for task in self._tasks | {self._loops[1]}:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("work_ended", work=self._table.name, exc_info=error)
            self._life.fatal("work_ended")

    def hint(self, hints: Sequence[Hint]) -> None:
        """From any thread, after the commit that made these rows due."""
        if hints:
            self._life.loop.call_soon_threadsafe(self._take_hints, hints)

    def _take_hints(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.delay > 0:
                # A little late rather than early: a claim before due_at finds nothing.
                self._life.loop.call_later(hint.delay + 0.002, self._ripe, hint)
            else:
                self._hints.append(hint)
        self._wake.set()

    def _ripe(self, hint: Hint) -> None:
        self._hints.append(hint)
        self._wake.set()

    # ---- claiming -------------------------------------------------------------------------

    async def _claims(self) -> None:
        """Hints first; a sweep when slots are free and rows wait for them, else twice a second."""
        beat = f"work:{self._table.name}"
        swept = -SWEEP_EVERY
        while not self._stopping:
            self._life.health.beat(beat)
            idle = self._life.loop.time() - swept
            try:
                if not self._owner.number:
                    await asyncio.sleep(0.05)
                elif self._free and self._hints:
                    await self._claim_hinted()
                elif self._free and (idle >= SWEEP_EVERY or self._backlog):
                    swept = self._life.loop.time()
                    await self._claim_swept()
                else:
                    await self._sleep(max(0.0, SWEEP_EVERY - idle) if self._free else SWEEP_EVERY)
            except Exception as error:
                log.warning("claim_waits", work=self._table.name, exc_info=error)
                await asyncio.sleep(SWEEP_EVERY)
        self._life.health.retire(beat)

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    @property
    def _free(self) -> int:
        return max(0, self._limits.slots - self._running.total())

    async def _claim_hinted(self) -> None:
        ids = self._next_hints()
        if ids:
            claim = partial(self._table.claim_by_id, ids=ids, **self._hold)
            await self._launch(claim, "hint")

    def _next_hints(self) -> list[int]:
        """Within each tenant's share; what is over it is left for the fair sweep."""
        space = room(self._limits.slots, self._running.total(), len(self._running))
        taken: Counter[int] = Counter()
        ids: list[int] = []
        while self._hints and len(ids) < space.take:
            hint = self._hints.popleft()
            held = self._running[hint.tenant_id] + taken[hint.tenant_id]
            if held < space.share and (len(ids) < space.general or held < space.fair):
                taken[hint.tenant_id] += 1
                ids.append(hint.id)
            else:
                self._backlog = True
        return ids

    async def _claim_swept(self) -> None:
        space = room(self._limits.slots, self._running.total(), len(self._running))
        running = dict(self._running)

        def claim(connection: Connection) -> list[Claim]:
            claims, self._cursor = self._table.sweep(
                connection, space, running, self._cursor, **self._hold
            )
            return claims

        claimed = await self._launch(claim, "sweep")
        self._backlog = claimed >= space.take
        self._held_back = is_held_back(self._limits.slots, self._running)

    @property
    def _hold(self) -> dict[str, Any]:
        return {"owner": self._owner.number, "lease": self._limits.lease}

    async def _launch(self, claim: Callable[[Connection], list[Claim]], way: str) -> int:
        pairs = await self._database.transaction(partial(self._claim_and_load, claim))
        self._unheard = False
        metrics.WORK_CLAIMED.labels(self._table.name, way).inc(len(pairs))
        for taken, item in pairs:
            self._held.add(taken)
            self._running[taken.tenant_id] += 1
            task = asyncio.create_task(self._handle(taken, item))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        metrics.WORK_RUNNING.labels(self._table.name).set(self._running.total())
        return len(pairs)

    def _claim_and_load(
        self, claim: Callable[[Connection], list[Claim]], connection: Connection
    ) -> list[tuple[Claim, I]]:
        if not self._limits.careful:
            connection.exec_driver_sql("set local synchronous_commit = off")
        if self._unheard:
            self._table.give_back(connection, self._owner.number, list(self._held))
        self._unheard = True
        claims = claim(connection)
        items = self._work.load(connection, claims) if claims else []
        return list(zip(claims, items, strict=True))

    # ---- handling -------------------------------------------------------------------------

    async def _handle(self, claim: Claim, item: I) -> None:
        outcome = await self._outcome(claim, self._work.handle(claim, item))
        self._finished.append((Settled(claim, item, outcome), verdict_of(claim, outcome)))
        self._finish.set()

    async def _outcome(self, claim: Claim, handling: Awaitable[Outcome[R]]) -> Outcome[R]:
        try:
            return await asyncio.wait_for(handling, self._limits.deadline)
        except Exception as error:
            log.error("work_failed", work=self._table.name, id=claim.id, exc_info=error)
            return after_failure(claim, error)

    # ---- finishing ------------------------------------------------------------------------

    async def _finishes(self) -> None:
        """Natural batching: whatever is finished goes into one transaction; no timer."""
        while not (self._stopping and not self._finished and not self._tasks):
            await self._finish.wait()
            self._finish.clear()
            while self._finished:
                batch = self._finished[:FINISH_AT_MOST]
                del self._finished[:FINISH_AT_MOST]
                await self._finish_batch(batch)

    async def _finish_batch(
        self, batch: list[tuple[Settled[I, R], Verdict]], failed: bool = False
    ) -> None:
        """A batch the database refuses for good is taken apart: one alone is a failed try."""
        try:
            rows, hints = await self._stored(batch)
        except Exception as error:
            log.error("finish_failed", work=self._table.name, size=len(batch), exc_info=error)
            await self._finish_apart(batch, error, failed)
            return
        self._outbox.publish(rows)
        self._let_go(batch)
        self._take_hints(hints)

    async def _finish_apart(
        self, batch: list[tuple[Settled[I, R], Verdict]], error: Exception, failed: bool
    ) -> None:
        if len(batch) > 1:
            for one in batch:
                await self._finish_batch([one])
        elif not failed:
            settled = batch[0][0]
            outcome = after_failure(settled.claim, error)
            verdict = verdict_of(settled.claim, outcome)
            await self._finish_batch([(replace(settled, outcome=outcome), verdict)], failed=True)
        else:  # not even the failure can be stored: the row waits for the end of its lease
            self._let_go(batch)

    async def _stored(
        self, batch: list[tuple[Settled[I, R], Verdict]]
    ) -> tuple[Sequence[Row], Sequence[Hint]]:
        return await self._database.patiently(partial(self._store, batch))

    def _store(
        self, batch: list[tuple[Settled[I, R], Verdict]], connection: Connection
    ) -> tuple[Sequence[Row], Sequence[Hint]]:
        stood = self._table.finish(connection, [verdict for _, verdict in batch])
        settled = [one for one, _ in batch if (one.claim.id, one.claim.epoch) in stood]
        rows, hints = self._work.store(connection, settled)
        ended = [verdict.claim.id for _, verdict in batch if verdict.state != 0]
        behind = self._table.successors(connection, ended)
        metrics.WORK_REFUSED.labels(self._table.name).inc(len(batch) - len(stood))
        return rows, [*hints, *delays(batch, stood), *behind]

    def _let_go(self, batch: list[tuple[Settled[I, R], Verdict]]) -> None:
        for settled, _ in batch:
            self._held.discard(settled.claim)
            self._running[settled.claim.tenant_id] -= 1
            name = type(settled.outcome).__name__.lower()
            metrics.WORK_FINISHED.labels(self._table.name, name).inc()
        self._running += Counter()  # forgets tenants at zero
        self._backlog |= self._held_back
        self._wake.set()


def verdict_of(claim: Claim, outcome: Outcome[Any]) -> Verdict:
    match outcome:
        case Done(reason=reason):
            return Verdict(claim, 2, 0, reason)
        case Later(seconds=seconds, reason=reason):
            return Verdict(claim, 0, seconds, reason)
        case Dropped(reason=reason):
            return Verdict(claim, 3, 0, reason)


def after_failure(claim: Claim, error: Exception) -> Outcome[Any]:
    """An unexpected error: again after 1, 2, 4, 8 s, then given up."""
    name = type(error).__name__
    if claim.attempts >= FAILED_TRIES:
        return Dropped(f"always_fails:{name}")
    return Later(2.0 ** (claim.attempts - 1), f"failed:{name}")


def delays(batch: Sequence[tuple[Any, Verdict]], stood: set[tuple[int, int]]) -> list[Hint]:
    return [
        Hint(verdict.claim.id, verdict.claim.tenant_id, verdict.delay)
        for _, verdict in batch
        if verdict.state == 0 and (verdict.claim.id, verdict.claim.epoch) in stood
    ]
