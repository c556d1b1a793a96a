"""Takes due rows into the hand: by hints of what this process stored, and by fair sweeps."""

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
from common.work.slots import Hand
from common.work.table import Claim, Hint, WorkTable

log = structlog.get_logger()
SWEEP_EVERY = 0.5

Load = Callable[[Connection, Sequence[Claim]], Sequence[I]]
Claiming = Callable[[Connection], list[Claim]]


class Claimer(Generic[I]):
    """`run` is the loop; `launch(claim, item)` is told of every row taken."""

    def __init__(
        self,
        table: WorkTable,
        load: Load[I],
        launch: Callable[[Claim, I], None],
        limits: WorkLimits,
        hand: Hand,
        *,
        database: Database,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table, self._load, self._launch = table, load, launch
        self._limits, self._hand = limits, hand
        self._database, self._owner, self._life = database, owner, life
        self._hints: deque[Hint] = deque()
        self._wake = asyncio.Event()
        self._unheard = False  # the last claim may stand without our knowing
        self._stopping = False
        self._cursor = 0

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    def take(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.delay > 0:
                # A little late rather than early: a claim before due_at finds nothing.
                self._life.loop.call_later(hint.delay + 0.002, self._ripe, hint)
            else:
                self._hints.append(hint)
        self.wake()

    def _ripe(self, hint: Hint) -> None:
        self._hints.append(hint)
        self.wake()

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
                elif self._hand.free and self._hints:
                    await self._claim_hinted()
                elif self._hand.free and (idle >= SWEEP_EVERY or self._hand.backlog):
                    swept = self._life.loop.time()
                    await self._claim_swept()
                else:
                    await self._sleep(SWEEP_EVERY - idle if self._hand.free else SWEEP_EVERY)
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
        space = self._hand.room
        taken: Counter[int] = Counter()
        ids: list[int] = []
        while self._hints and len(ids) < space.take:
            hint = self._hints.popleft()
            held = self._hand.running[hint.tenant_id] + taken[hint.tenant_id]
            if held < space.share and (len(ids) < space.general or held < space.fair):
                taken[hint.tenant_id] += 1
                ids.append(hint.id)
            else:
                self._hand.backlog = True
        return ids

    async def _claim_swept(self) -> None:
        space, running = self._hand.room, dict(self._hand.running)

        def claiming(connection: Connection) -> list[Claim]:
            claims, self._cursor = self._table.sweep(
                connection, space, running, self._cursor, **self._lease
            )
            return claims

        self._hand.swept(await self._claim(claiming, "sweep"), space.take)

    @property
    def _lease(self) -> dict[str, Any]:
        return {"owner": self._owner.number, "lease": self._limits.lease}

    async def _claim(self, claiming: Claiming, way: str) -> int:
        pairs = await self._database.transaction(partial(self._claim_and_load, claiming))
        self._unheard = False
        self._hand.take(claim for claim, _ in pairs)
        metrics.WORK_CLAIMED.labels(self._table.name, way).inc(len(pairs))
        metrics.WORK_RUNNING.labels(self._table.name).set(len(self._hand.held))
        for claim, item in pairs:
            self._launch(claim, item)
        return len(pairs)

    def _claim_and_load(self, claiming: Claiming, connection: Connection) -> list[tuple[Claim, I]]:
        if self._unheard:
            self._table.give_back(connection, self._owner.number, list(self._hand.held))
        self._unheard = True
        claims = claiming(connection)
        items = self._load(connection, claims) if claims else []
        return list(zip(claims, items, strict=True))
