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
from common.work.contract import Handled, I, R, WorkHandler, after_failure, transition_of
from common.work.table import Claim, Hint, Transition, WorkState, WorkTable

log = structlog.get_logger()
FINISH_AT_MOST = 200

Batch = list[tuple[Handled[I, R], Transition]]


class Finisher(Generic[I, R]):
    """`run` is the loop; `on_finished(claims, hints)` gets the ended claims and what became due."""

    def __init__(
        self,
        table: WorkTable,
        handler: WorkHandler[I, R],
        on_finished: Callable[[Sequence[Claim], Sequence[Hint]], None],
        *,
        database: Database,
        outbox: Outbox,
    ) -> None:
        self._table = table
        self._handler = handler
        self._on_finished = on_finished
        self._database = database
        self._outbox = outbox
        self._finished: Batch[I, R] = []
        self._wake = asyncio.Event()
        self._stopping = False

    def add(self, handled: Handled[I, R]) -> None:
        self._finished.append((handled, transition_of(handled.claim, handled.outcome)))
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
        """A batch that the database refuses for good is split: one alone is a failed try."""
        try:
            rows, hints = await self._database.transaction_with_retry(partial(self._store, batch))
        except Exception as error:
            log.error("finish_failed", work=self._table.name, size=len(batch), exc_info=error)
            await self._finish_one_by_one(batch, error, failed)
            return
        self._outbox.publish(rows)
        self._report(batch, hints)

    async def _finish_one_by_one(self, batch: Batch[I, R], error: Exception, failed: bool) -> None:
        if len(batch) > 1:
            for pair in batch:
                await self._finish([pair])
        elif not failed:
            handled = batch[0][0]
            outcome = after_failure(handled.claim, error)
            transition = transition_of(handled.claim, outcome)
            await self._finish([(replace(handled, outcome=outcome), transition)], failed=True)
        else:  # not even the failure can be stored: the row waits for the end of its lease
            self._report(batch, ())

    def _store(
        self, batch: Batch[I, R], connection: Connection
    ) -> tuple[Sequence[OutboxRow], Sequence[Hint]]:
        batch = one_result_per_claim(batch)
        stood = self._table.finish(connection, [transition for _, transition in batch])
        handled = [pair[0] for pair in batch if (pair[1].id, pair[1].epoch) in stood]
        rows, hints = self._handler.store(connection, handled)
        ended = [change.id for _, change in batch if change.state is not WorkState.WAITING]
        successors = self._table.successors(connection, ended)
        metrics.WORK_REFUSED.labels(self._table.name).inc(len(batch) - len(stood))
        return rows, [*hints, *rescheduled(batch, stood), *successors]

    def _report(self, batch: Batch[I, R], hints: Sequence[Hint]) -> None:
        for handled, _ in batch:
            name = type(handled.outcome).__name__.lower()
            metrics.WORK_FINISHED.labels(self._table.name, name).inc()
        self._on_finished([handled.claim for handled, _ in batch], hints)


def one_result_per_claim(batch: Batch[I, R]) -> Batch[I, R]:
    """A crash of the database may forget a claim, and the same epoch is then claimed again: two
    results with one claim, of which the first counts."""
    first: dict[Claim, tuple[Handled[I, R], Transition]] = {}
    for handled, transition in batch:
        first.setdefault(handled.claim, (handled, transition))
    return list(first.values())


def rescheduled(batch: Sequence[tuple[Any, Transition]], stood: set[tuple[int, int]]) -> list[Hint]:
    """The rows that are due again later."""
    return [
        Hint(transition.id, transition.claim.tenant_id, transition.delay)
        for _, transition in batch
        if transition.state is WorkState.WAITING and (transition.id, transition.epoch) in stood
    ]
