"""Claims due rows: by hints of what this process stored, and by fair sweeps."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic

import structlog
from sqlalchemy import Connection

from common.postgres.database import Database
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.work.contract import I, WorkLimits
from common.work.owner import Owner
from common.work.slots import Slots
from common.work.table import Claim, Hint, WorkTable

log = structlog.get_logger()
SWEEP_EVERY = 0.5

Load = Callable[[Connection, Sequence[Claim]], Sequence[I]]
ClaimRows = Callable[[Connection], list[Claim]]


class Claimer(Generic[I]):
    """`run` is the loop; `start(claim, item)` is called for every claimed row."""

    def __init__(
        self,
        table: WorkTable,
        load: Load[I],
        start: Callable[[Claim, I], None],
        limits: WorkLimits,
        slots: Slots,
        *,
        database: Database,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table = table
        self._load = load
        self._start = start
        self._limits = limits
        self._slots = slots
        self._database = database
        self._owner = owner
        self._life = life
        self._hints: deque[Hint] = deque()
        self._wake = asyncio.Event()
        self._claim_unconfirmed = False  # the last claim may be stored without our knowing
        self._stopping = False
        self._cursor = 0

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def add_hints(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.delay > 0:
                # A little late rather than early: a claim before due_at finds nothing.
                self._life.loop.call_later(hint.delay + 0.002, self._add_due_hint, hint)
            else:
                self._hints.append(hint)
        self._wake.set()

    def _add_due_hint(self, hint: Hint) -> None:
        self._hints.append(hint)
        self._wake.set()

    async def run(self) -> None:
        """Hints first; a sweep when slots are free and rows wait for them, else twice a second."""
        beat = f"work:{self._table.name}"
        swept = -SWEEP_EVERY
        while not self._stopping:
            self._life.health.beat(beat)
            idle = self._life.loop.time() - swept
            try:
                if not self._owner.number:
                    await asyncio.sleep(0.05)
                elif self._slots.free and self._hints:
                    await self._claim_hinted()
                elif self._slots.free and (idle >= SWEEP_EVERY or self._slots.backlog):
                    swept = self._life.loop.time()
                    await self._claim_swept()
                else:
                    await self._sleep(SWEEP_EVERY - idle if self._slots.free else SWEEP_EVERY)
            except Exception as error:
                log.warning("claim_waits", work=self._table.name, exc_info=error)
                await asyncio.sleep(SWEEP_EVERY)
        self._life.health.retire(beat)

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))

    async def _claim_hinted(self) -> None:
        if ids := self._next_hints():
            await self._claim(partial(self._table.claim_by_id, ids=ids, **self._lease), "hint")

    def _next_hints(self) -> list[int]:
        """Within each tenant's share; what is over it is left for the fair sweep."""
        budget = self._slots.budget
        hinted: Counter[int] = Counter()
        ids: list[int] = []
        while self._hints and len(ids) < budget.take:
            hint = self._hints.popleft()
            running = self._slots.running[hint.tenant_id] + hinted[hint.tenant_id]
            if running < budget.share and (len(ids) < budget.general or running < budget.fair):
                hinted[hint.tenant_id] += 1
                ids.append(hint.id)
            else:
                self._slots.backlog = True
        return ids

    async def _claim_swept(self) -> None:
        budget, running = self._slots.budget, dict(self._slots.running)

        def claim_rows(connection: Connection) -> list[Claim]:
            claims, self._cursor = self._table.sweep(
                connection, budget, running, self._cursor, **self._lease
            )
            return claims

        self._slots.note_sweep(await self._claim(claim_rows, "sweep"), budget.take)

    @property
    def _lease(self) -> dict[str, Any]:
        return {"owner": self._owner.number, "lease": self._limits.lease}

    async def _claim(self, claim_rows: ClaimRows, way: str) -> int:
        pairs = await self._database.transaction(partial(self._claim_and_load, claim_rows))
        self._claim_unconfirmed = False
        self._slots.acquire(claim for claim, _ in pairs)
        metrics.WORK_CLAIMED.labels(self._table.name, way).inc(len(pairs))
        metrics.WORK_RUNNING.labels(self._table.name).set(len(self._slots.in_flight))
        for claim, item in pairs:
            self._start(claim, item)
        return len(pairs)

    def _claim_and_load(
        self, claim_rows: ClaimRows, connection: Connection
    ) -> list[tuple[Claim, I]]:
        if self._claim_unconfirmed:
            held = list(self._slots.in_flight)
            self._table.release_unconfirmed(connection, self._owner.number, held)
        self._claim_unconfirmed = True
        claims = claim_rows(connection)
        items = self._load(connection, claims) if claims else []
        return list(zip(claims, items, strict=True))
