"""Stores what handlers answered: states, effects and events in one transaction per batch."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic

import structlog
from sqlalchemy import Connection

from common.outbox import Outbox, OutboxRow
from common.postgres.database import Database
from common.service import metrics
from common.work.contract import Handled, I, R, Work, after_failure, verdict_of
from common.work.table import Claim, Hint, Transition, WorkTable

log = structlog.get_logger()
FINISH_AT_MOST = 200

Batch = list[tuple[Handled[I, R], Transition]]


class Finisher(Generic[I, R]):
    """`run` is the loop; `then(claims, hints)` is told what was let go and what became due."""

    def __init__(
        self,
        table: WorkTable,
        work: Work[I, R],
        then: Callable[[Sequence[Claim], Sequence[Hint]], None],
        *,
        database: Database,
        outbox: Outbox,
    ) -> None:
        self._table, self._work, self._then = table, work, then
        self._database, self._outbox = database, outbox
        self._finished: Batch[I, R] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def add(self, settled: Handled[I, R]) -> None:
        self._finished.append((settled, verdict_of(settled.claim, settled.outcome)))
        self._wake.set()

    def stop(self) -> None:
        """Once nothing more will be added."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Natural batching: whatever is finished goes into one transaction; no timer."""
        while self._finished or not self._stopping:
            if not self._finished:
                await self._wake.wait()
                self._wake.clear()
            batch = self._finished[:FINISH_AT_MOST]
            del self._finished[:FINISH_AT_MOST]
            if batch:
                await self._finish(batch)

    async def _finish(self, batch: Batch[I, R], failed: bool = False) -> None:
        """A batch the database refuses for good is taken apart: one alone is a failed try."""
        try:
            rows, hints = await self._database.transaction_with_retry(partial(self._store, batch))
        except Exception as error:
            log.error("finish_failed", work=self._table.name, size=len(batch), exc_info=error)
            await self._finish_apart(batch, error, failed)
            return
        self._outbox.publish(rows)
        self._let_go(batch, hints)

    async def _finish_apart(self, batch: Batch[I, R], error: Exception, failed: bool) -> None:
        if len(batch) > 1:
            for one in batch:
                await self._finish([one])
        elif not failed:
            settled = batch[0][0]
            outcome = after_failure(settled.claim, error)
            verdict = verdict_of(settled.claim, outcome)
            await self._finish([(replace(settled, outcome=outcome), verdict)], failed=True)
        else:  # not even the failure can be stored: the row waits for the end of its lease
            self._let_go(batch, ())

    def _store(
        self, batch: Batch[I, R], connection: Connection
    ) -> tuple[Sequence[OutboxRow], Sequence[Hint]]:
        batch = once_each(batch)
        stood = self._table.finish(connection, [verdict for _, verdict in batch])
        settled = [one for one, _ in batch if (one.claim.id, one.claim.epoch) in stood]
        rows, hints = self._work.store(connection, settled)
        ended = [verdict.claim.id for _, verdict in batch if verdict.state != 0]
        behind = self._table.successors(connection, ended)
        metrics.WORK_REFUSED.labels(self._table.name).inc(len(batch) - len(stood))
        return rows, [*hints, *put_off(batch, stood), *behind]

    def _let_go(self, batch: Batch[I, R], hints: Sequence[Hint]) -> None:
        for settled, _ in batch:
            name = type(settled.outcome).__name__.lower()
            metrics.WORK_FINISHED.labels(self._table.name, name).inc()
        self._then([settled.claim for settled, _ in batch], hints)


def once_each(batch: Batch[I, R]) -> Batch[I, R]:
    """A crash of the database may forget a claim, and the same epoch is then claimed again: two
    results with one claim, of which the first counts."""
    once: dict[Claim, tuple[Handled[I, R], Transition]] = {}
    for settled, verdict in batch:
        once.setdefault(settled.claim, (settled, verdict))
    return list(once.values())


def put_off(batch: Sequence[tuple[Any, Transition]], stood: set[tuple[int, int]]) -> list[Hint]:
    """The rows that are due again later."""
    return [
        Hint(verdict.claim.id, verdict.claim.tenant_id, verdict.delay)
        for _, verdict in batch
        if verdict.state == 0 and (verdict.claim.id, verdict.claim.epoch) in stood
    ]
