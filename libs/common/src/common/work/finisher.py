"""Stores what handlers answered: states, effects and events in one transaction per batch."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic

import structlog

from common.outbox import Outbox
from common.postgres.connection import Connection
from common.postgres.database import Database
from common.postgres.errors import is_timeout
from common.service import metrics
from common.work.contract import Handled, I, R, Stored, WorkHandler, after_failure
from common.work.schema import WorkState
from common.work.table import Claim, ClaimKey, Hint, WorkTable

log = structlog.get_logger()
FINISH_AT_MOST = 200

Batch = list[Handled[I, R]]


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
        self._tried: set[Claim] = set()  # of the current batch, whose commit may be done
        self._wake = asyncio.Event()
        self._stopping = False

    def add(self, handled: Handled[I, R]) -> None:
        self._finished.append(handled)
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

    async def _finish(self, batch: Batch[I, R]) -> None:
        """A batch that takes too long is halved; one that the database refuses for good is split:
        one alone is a failed try."""
        store = partial(self._store_and_publish, batch)
        try:
            stored = await self._database.call_with_retry(
                store, is_final=is_timeout if len(batch) > 1 else None
            )
        except Exception as error:
            log.error("finish_failed", work=self._table.name, size=len(batch), exc_info=error)
            await self._finish_in_parts(batch, error)
        else:
            self._report(batch, stored)

    async def _finish_in_parts(self, batch: Batch[I, R], error: Exception) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._finish(batch[:middle])
            await self._finish(batch[middle:])
        elif not batch[0].failed:
            outcome = after_failure(batch[0].claim, error)
            await self._finish([replace(batch[0], outcome=outcome, failed=True)])
        else:  # not even the failure can be stored: the row waits for the end of its lease
            self._report(batch, Stored(set(), (), ()))

    def _store_and_publish(self, batch: Batch[I, R]) -> Stored:
        """In a thread of the database's."""
        stored = self._database.run_transaction(partial(self._store, one_result_per_claim(batch)))
        self._outbox.publish(stored.rows)
        return stored

    def _store(self, batch: Batch[I, R], connection: Connection) -> Stored:
        columns = {
            handled.claim.key: values
            for handled in batch
            if handled.item is not None and (values := self._handler.finish_columns(handled))
        }
        known = [handled for handled in batch if handled.item is not None]
        unread = self._finish_unread(connection, [each for each in batch if each.item is None])
        finish = self._table.finish([handled.transition for handled in known], columns)
        tried = {handled.claim for handled in batch}
        again, self._tried = tried & self._tried, self._tried | tried
        if not known:
            return Stored(unread, (), ())
        stored = self._handler.store(connection, finish, known)
        # A commit whose answer was lost has left events that nobody has published.
        unpublished = [
            self._handler.key_of(handled.item)
            for handled in known
            if handled.claim in again and handled.claim.key not in stored.stood
        ]
        self._outbox.publish_left(unpublished)
        return stored._replace(stood=stored.stood | unread)

    def _finish_unread(self, connection: Connection, batch: Batch[I, R]) -> set[ClaimKey]:
        """Rows whose item could not be made: their claim ends, nothing else is known. The claims
        that stood."""
        if not batch:
            return set()
        finish = self._table.finish([handled.transition for handled in batch], {})
        rows = connection.execute_together([*finish, self._table.stood(finish)])
        return {(row.id, row.epoch) for row in rows}

    def _report(self, batch: Batch[I, R], stored: Stored) -> None:
        self._tried.clear()
        for handled in batch:
            name = type(handled.outcome).__name__.lower()
            metrics.WORK_FINISHED.labels(self._table.name, name).inc()
        refused = len(batch) - len(stored.stood)
        metrics.WORK_REFUSED.labels(self._table.name).inc(refused)
        hints = [*stored.hints, *rescheduled(batch, stored.stood)]
        self._on_finished([handled.claim for handled in batch], hints)


def one_result_per_claim(batch: Batch[I, R]) -> Batch[I, R]:
    """A crash of the database may forget a claim, and the same epoch is then claimed again: two
    results with one claim, of which the first counts."""
    first: dict[ClaimKey, Handled[I, R]] = {}
    for handled in batch:
        first.setdefault(handled.claim.key, handled)
    return list(first.values())


def rescheduled(batch: Sequence[Handled[Any, Any]], stood: set[ClaimKey]) -> list[Hint]:
    """The rows that are due again later."""
    return [
        Hint(handled.claim.id, handled.claim.tenant_id, transition.delay)
        for handled in batch
        if (transition := handled.transition).state is WorkState.WAITING
        and handled.claim.key in stood
    ]
