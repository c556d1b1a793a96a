"""Claims due rows: by hints of what this process stored, and by fair sweeps."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import structlog

from common.postgres.connection import Connection
from common.postgres.database import Database
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.work.contract import WorkLimits
from common.work.fairness import CLAIM_AT_MOST, Due, choose, each_of
from common.work.owner import Owner
from common.work.slots import Slots
from common.work.statements import DUE_AT_ONCE
from common.work.table import Claim, Hint, Look, WorkTable

log = structlog.get_logger()
SWEEP_EVERY = 0.5  # while rows are due, whatever hints there are
IDLE_SECONDS = 5.0  # hints, slots that come free and rows that are due wake it earlier


class ClaimedRow(NamedTuple):
    """`row` is what the claim's statement returned. `at`: before the claim, monotonic seconds."""

    claim: Claim
    row: Any
    at: float


class Claimer:
    """`run` is the loop; `start(claims)` is called with the claimed rows, whose slots are taken."""

    def __init__(
        self,
        table: WorkTable,
        start: Callable[[Sequence[ClaimedRow]], None],
        limits: WorkLimits,
        slots: Slots,
        *,
        database: Database,
        owner: Owner,
        life: Lifecycle,
    ) -> None:
        self._table = table
        self._start = start
        self._limits = limits
        self._slots = slots
        self._database = database
        self._owner = owner
        self._life = life
        self._hints: deque[Hint] = deque()
        self._wake = asyncio.Event()
        self._rows_are_due = False
        self._swept = -SWEEP_EVERY
        self._stopping = False
        self._cursor = 0
        self._due: list[Due] = []  # the last look's, without what was chosen since
        self._looked_at = -SWEEP_EVERY

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def add_hints(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            if hint.delay > 0:
                # A little late rather than early: a claim before due_at finds nothing.
                self._life.loop.call_later(hint.delay + 0.002, self._add_due_hint, hint)
            else:
                self._add_due_hint(hint)

    def _add_due_hint(self, hint: Hint) -> None:
        self._hints.append(hint)
        self._wake.set()

    def note_look(self, look: Look) -> None:
        """Rows are due that perhaps nobody hinted, or stand as ours without our knowing."""
        self._slots.unconfirmed |= look.own_expired
        if look.due or self._slots.unconfirmed:
            self._rows_are_due = True
            self._wake.set()

    def note_free_slots(self) -> None:
        if self._hints or self._slots.backlog:
            self._wake.set()

    async def run(self) -> None:
        beat = f"work:{self._table.name}"
        while not self._stopping:
            self._life.health.beat(beat)
            try:
                if not self._owner.number:
                    await asyncio.sleep(0.05)
                elif self._slots.free and self._is_time_to_sweep():
                    await self._claim_swept()
                elif self._slots.free and self._hints:
                    await self._claim_hinted()
                else:
                    await self._sleep()
            except Exception as error:
                log.warning("claim_waits", work=self._table.name, exc_info=error)
                await asyncio.sleep(SWEEP_EVERY)
        self._life.health.retire(beat)

    def _is_time_to_sweep(self) -> bool:
        """Hints must not keep it from rows without one; without hints it need not wait."""
        if not (self._rows_are_due or self._slots.backlog):
            return False
        waited = self._life.loop.time() - self._swept
        return waited >= SWEEP_EVERY or (self._slots.backlog and not self._hints)

    async def _sleep(self) -> None:
        waits_for_time = self._slots.free and (self._rows_are_due or self._slots.backlog)
        seconds = self._swept + SWEEP_EVERY - self._life.loop.time()
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(
                self._wake.wait(), max(0.0, seconds) if waits_for_time else IDLE_SECONDS
            )

    async def _claim_hinted(self) -> None:
        if ids := self._next_hints():
            await self._claim(lambda _: ids, "hint")

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
        """With hints waiting, half of the free slots are for them."""
        self._swept = self._life.loop.time()
        self._rows_are_due = False
        take = self._slots.budget.take
        allowed = -(-take // 2) if self._hints else take
        chosen, claimed = await self._claim(partial(self._choose, allowed=allowed), "sweep")
        self._slots.note_sweep(chosen, allowed)
        self._rows_are_due |= chosen > 0  # what comes due without hints seldom comes alone
        if claimed < chosen:  # another process was faster: the look is old
            self._due.clear()

    def _choose(self, connection: Connection, allowed: int) -> list[int]:
        """Looks at due rows without locking them. In a backlog a look serves several sweeps."""
        if monotonic() > self._looked_at + SWEEP_EVERY or len(self._due) < DUE_AT_ONCE:
            self._due, self._looked_at = self._look_at_due(connection), monotonic()
        chosen = choose(self._due, self._slots.running_now(), self._slots.budget, allowed)
        taken = set(chosen)
        self._due = [row for row in self._due if row.id not in taken]
        return chosen

    def _look_at_due(self, connection: Connection) -> list[Due]:
        """Where more is due than it looks at, it looks at each tenant's first, some tenants at a
        time."""
        due = self._table.due(connection)
        if len(due) < DUE_AT_ONCE:
            return due
        each = each_of(CLAIM_AT_MOST)
        by_tenant, self._cursor = self._table.due_by_tenant(connection, self._cursor, each)
        return by_tenant + due

    async def _claim(
        self, choose_ids: Callable[[Connection], list[int]], way: str
    ) -> tuple[int, int]:
        """How many rows were chosen, and how many of them claimed."""
        chosen, claimed = await self._database.call(partial(self._claim_now, choose_ids))
        metrics.WORK_CLAIMED.labels(self._table.name, way).inc(len(claimed))
        metrics.WORK_RUNNING.labels(self._table.name).set(len(self._slots.in_flight))
        self._start(claimed)
        return chosen, len(claimed)

    def _claim_now(
        self, choose_ids: Callable[[Connection], list[int]]
    ) -> tuple[int, list[ClaimedRow]]:
        """In a thread of the database's."""
        with self._slots.claiming:
            at = monotonic()
            chosen, rows = self._database.run_transaction(partial(self._claim_rows, choose_ids))
            claimed = acquire(self._slots, rows, at)
            if chosen:
                self._slots.unconfirmed = False
            return chosen, claimed

    def _claim_rows(
        self, choose_ids: Callable[[Connection], list[int]], connection: Connection
    ) -> tuple[int, Sequence[Any]]:
        owner = self._owner.number
        release_unconfirmed(connection, self._table, owner, self._slots)
        ids = choose_ids(connection) if owner else []
        if not ids:
            return 0, []
        self._slots.unconfirmed = True
        statements = self._table.claim(ids, owner, self._limits.lease)
        return len(ids), connection.execute_together(statements, commit=True).all()


def release_unconfirmed(connection: Connection, table: WorkTable, owner: int, slots: Slots) -> None:
    """Before the next claim, with `slots.claiming` held. owner 0: nobody, nothing is released."""
    if slots.unconfirmed and owner:
        connection.execute_together([table.release_unconfirmed(owner, slots.held())], commit=True)
        slots.unconfirmed = False


def acquire(slots: Slots, rows: Iterable[Any], at: float) -> list[ClaimedRow]:
    """The rows that a claim's statement returned, once they are committed."""
    claimed = [ClaimedRow(claim_of(row), row, at) for row in rows]
    slots.acquire(row.claim for row in claimed)
    return claimed


def claim_of(row: Any) -> Claim:
    return Claim(row.id, row.epoch, row.attempts, row.tenant_id, row.failures, row.unfinished)
