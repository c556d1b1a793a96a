"""messages.status -> the deliveries' new statuses, a whole batch in one transaction.

A status is matched by its tag, else by the message's id. One without a tag that matches nothing is
parked: it may have overtaken the answer to its own send, as Meta promises no order, or belong to
another app.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import NamedTuple

import structlog

from common.events import StatusReceived
from common.outbox_rows import OutboxRow, add_and_commit, reserve
from common.postgres.connection import Connection
from common.postgres.database import Database
from common.service import metrics
from common.service.clock import Clock
from common.work import Hint
from sender import status_store
from sender.events import outcome_events
from sender.finish_deliveries import AfterEnds
from sender.status_store import ParkedPortion
from sender.status_transitions import StatusTransitions, StatusUpdate
from sender.tables import ends_of
from sender.whatsapp.tag import Tags

log = structlog.get_logger()
SWEEP_EVERY = 5.0
EXPIRE_EVERY = 3600.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class AfterCommit(NamedTuple):
    """Rows to publish after the commit, and deliveries that became due."""

    rows: Sequence[OutboxRow]
    hints: Sequence[Hint]


class Reconcile:
    """messages.status: `store` writes a batch in the transaction of its consumer."""

    def __init__(self, tags: Tags, clock: Clock) -> None:
        self._tags, self._clock = tags, clock

    def store(self, connection: Connection, batch: Sequence[StatusReceived]) -> AfterCommit:
        return self.settle(connection, [self._status_update(status) for status in batch])

    def _status_update(self, status: StatusReceived) -> StatusUpdate:
        return StatusUpdate(
            tenant_id=status.tenant_id,
            wamid=status.wamid,
            status=status.status,
            status_at=status.status_at,
            error_code=status.error_code,
            error_title=status.error_title,
            delivery_id=self._tags.delivery_of(status.tenant_id, status.tag),
        )

    def settle(self, connection: Connection, statuses: Sequence[StatusUpdate]) -> AfterCommit:
        """A status that proves a delivery sent ends it; the next of its conversation may leave."""
        transitions = StatusTransitions(status_store.lock_deliveries(connection, statuses))
        for status in statuses:
            transitions.apply(status)
        ended = transitions.ended
        last_parts = [delivery for delivery in ended if delivery.is_last_part]
        events = len(transitions.drafts) + sum(len(delivery.answers) for delivery in last_parts)
        reserved = reserve(transitions.conversations, events)
        statements = [
            *status_store.settle_statements(transitions.updates),
            *status_store.park_statements(transitions.unmatched),
            *AfterEnds.statements(ended, last_parts, reserved),
        ]
        after = AfterEnds.of(connection.execute_together(statements))
        report(transitions)
        outcomes = outcome_events(last_parts, ends_of(last_parts, after.ends), self._clock.now())
        drafts = [*transitions.drafts, *outcomes]
        return AfterCommit(add_and_commit(connection, [], drafts, after.reserved), after.hints)

    def settle_parked(
        self, after: datetime, connection: Connection
    ) -> tuple[AfterCommit, ParkedPortion]:
        """Of one portion, those whose delivery is known by now."""
        portion = status_store.take_parked(connection, after)
        statuses = portion.statuses
        settled = self.settle(connection, statuses) if statuses else AfterCommit((), ())
        return settled, portion


def report(transitions: StatusTransitions) -> None:
    for update in transitions.updates.values():
        metrics.DELIVERIES.labels(update.status).inc()
    for delivery in transitions.duplicates:
        metrics.DELIVERIES.labels("duplicate_suspected").inc()
        log.warning("duplicate_suspected", delivery_id=delivery.delivery_id)


class ParkedStatuses:
    """Settles parked statuses once their delivery is known, and deletes expired ones.

    It has to sweep: a status and the answer to its send can commit at the same moment, and neither
    transaction sees the other. A sweep looks at the last minute's, and once an hour at all: an
    outage may have kept an answer from being stored.
    """

    def __init__(
        self, database: Database, reconcile: Reconcile, after_commit: Callable[[AfterCommit], None]
    ) -> None:
        self._database = database
        self._reconcile = reconcile
        self._after_commit = after_commit
        self._sweeps = count()
        self._after = LONG_AGO

    async def sweep(self) -> None:
        """To be called every SWEEP_EVERY seconds."""
        if next(self._sweeps) % (EXPIRE_EVERY // SWEEP_EVERY) == 0:
            await self._database.transaction(status_store.delete_expired)
            self._after = LONG_AGO
        while not await self._sweep_portion():
            pass

    async def _sweep_portion(self) -> bool:
        """Whether it was the last one."""
        settle = partial(self._reconcile.settle_parked, self._after)
        settled, portion = await self._database.transaction(settle)
        self._after_commit(settled)
        self._after = portion.next_after
        return portion.is_last


def log_failed_sweep(error: Exception) -> None:
    log.warning("parked_waits", exc_info=error)
