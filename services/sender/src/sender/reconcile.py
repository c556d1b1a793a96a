"""messages.status -> the deliveries' new statuses, a whole batch in one transaction.

A status is matched by its tag, else by the message's id. One without a tag that matches nothing is
parked for some minutes where it may have overtaken the answer to its own send, as Meta promises no
order. Elsewhere it belongs to another app, and changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from common.events import StatusReceived
from common.outbox_rows import EventDraft, OutboxRow, add_and_commit, reserve
from common.postgres.connection import Connection
from common.service import metrics
from common.service.clock import Clock
from common.work import Hint
from sender.events import correction_events, outcome_events
from sender.finish_deliveries import AfterEnds
from sender.new_wamids import NewWamids, SentMessage
from sender.reply_ends import PartEnd, ends_of
from sender.status_store import lock_deliveries, store_statements
from sender.status_transitions import StatusTransitions, StatusUpdate
from sender.tables import Delivery
from sender.whatsapp.tag import Tags

log = structlog.get_logger()


class AfterCommit(NamedTuple):
    """Rows to publish after the commit, deliveries that became due, and numbers with the codes for
    which Meta gave messages up after it had accepted them."""

    rows: Sequence[OutboxRow] = ()
    hints: Sequence[Hint] = ()
    failed: Sequence[tuple[str, int]] = ()


def log_failed(phone_number_id: str, code: int) -> None:
    log.warning("delivery_failed", phone_number_id=phone_number_id, code=code)


class Reconcile:
    """messages.status: `store` writes a batch in the transaction of its consumer."""

    def __init__(
        self,
        tags: Tags,
        clock: Clock,
        new_wamids: NewWamids,
        on_failed: Callable[[str, int], None] = log_failed,
    ) -> None:
        """on_failed: called after the commit with a number and Meta's code, once for each pair of
        a batch; by the consumer's thread, or in the loop."""
        self._tags, self._clock = tags, clock
        self._new_wamids = new_wamids
        self._on_failed = on_failed

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
            pricing_type=status.pricing_type,
            pricing_category=status.pricing_category,
            phone_number_id=status.phone_number_id,
        )

    def settle(self, connection: Connection, statuses: Sequence[StatusUpdate]) -> AfterCommit:
        """A status that proves a delivery sent ends it; the next of its conversation may leave."""
        if not statuses:
            return AfterCommit()
        transitions = StatusTransitions(lock_deliveries(connection, statuses))
        for status in statuses:
            transitions.apply(status)
        self._new_wamids.add(new_messages(transitions))
        return self._store(connection, transitions)

    def _store(self, connection: Connection, transitions: StatusTransitions) -> AfterCommit:
        ended, turned = transitions.ended, transitions.turned
        last_parts = [delivery for delivery in ended if delivery.is_last_part]
        asked = [*last_parts, *turned]
        events = len(transitions.drafts) + sum(len(delivery.answers) for delivery in asked)
        reserved = reserve(transitions.conversations, events)
        statements = [
            *store_statements(transitions),
            *AfterEnds.statements(ended, asked, reserved),
        ]
        after = AfterEnds.of(connection.execute_together(statements))
        report(transitions)
        outcomes = self._outcomes(transitions, last_parts, after.ends)
        drafts = [*transitions.drafts, *outcomes]
        rows = add_and_commit(connection, [], drafts, after.reserved)
        return AfterCommit(rows, after.hints, transitions.failed)

    def _outcomes(
        self,
        transitions: StatusTransitions,
        last_parts: Sequence[Delivery],
        ends: Sequence[PartEnd],
    ) -> list[EventDraft]:
        """Of replies that ended now, and of those that ended otherwise than was recorded."""
        now = self._clock.now()
        ended = {(part.tenant_id, part.reply_id) for part in last_parts}
        turned = [
            part for part in transitions.turned if (part.tenant_id, part.reply_id) not in ended
        ]
        before = {
            part.delivery_id: PartEnd(part.delivery_id, part.status, part.reason) for part in turned
        }
        return [
            *outcome_events(last_parts, ends_of(last_parts, ends), now),
            *correction_events(turned, before, ends_of(turned, ends), now),
        ]

    def after_commit(self, settled: AfterCommit) -> None:
        for phone_number_id, code in sorted(set(settled.failed)):
            self._on_failed(phone_number_id, code)


def new_messages(transitions: StatusTransitions) -> list[SentMessage]:
    return [
        SentMessage(delivery.tenant_id, delivery.wamid)
        for delivery in transitions.new_wamids
        if delivery.wamid
    ]


def report(transitions: StatusTransitions) -> None:
    for status in transitions.moved:
        metrics.DELIVERIES.labels(status).inc()
    for copy in transitions.copies:
        metrics.DELIVERIES.labels("duplicate_suspected").inc()
        log.warning("duplicate_suspected", delivery_id=copy.delivery_id)
    for _, code in transitions.failed:
        metrics.DELIVERIES_FAILED.labels(code).inc()
