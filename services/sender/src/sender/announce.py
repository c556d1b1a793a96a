"""The events that a delivery causes, each with an id that depends on the fact alone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import cast, get_args

from sqlalchemy import Connection

from common.events import (
    DeliveryChanged,
    DeliveryState,
    OutcomeName,
    OutcomeRecorded,
    event_id,
)
from common.outbox import EventDraft, draft
from common.postgres.batch_statements import Statement
from common.topics import DELIVERIES_EVENTS, MESSAGES_OUTCOME
from sender.tables import Change, Delivery, PartEnd, ends_of

STATES = frozenset(get_args(DeliveryState))
ARRIVED = frozenset({"accepted", "sent", "delivered", "read", "played"})


def changed(delivery: Delivery, change: Change, at: datetime) -> EventDraft | None:
    """None for states that are ours alone: pending and sending."""
    if change.status not in STATES:
        return None
    event = DeliveryChanged(
        event_id=event_id("delivery", delivery.delivery_id, change.status),
        trace_id=delivery.trace_id,
        tenant_id=delivery.tenant_id,
        occurred_at=at,
        phone_number_id=delivery.phone_number_id,
        contact_id=delivery.contact_id,
        delivery_id=delivery.delivery_id,
        reply_id=delivery.reply_id,
        part=delivery.part,
        parts=delivery.parts,
        state=cast("DeliveryState", change.status),
        state_at=at,
        wamid=change.wamid,
        error_code=change.error_code,
        error_title=change.error_title,
    )
    return draft(DELIVERIES_EVENTS, delivery.conversation, event)


def outcome_of(ends: Sequence[PartEnd]) -> tuple[OutcomeName, str | None]:
    """The reply's end: that of its first part that did not leave."""
    for end in ends:
        if end.status not in ARRIVED:
            name: OutcomeName = "suppressed" if end.status == "suppressed" else "failed"
            return name, end.reason
    return "answered", None


def outcomes(delivery: Delivery, ends: Sequence[PartEnd], at: datetime) -> Iterator[EventDraft]:
    """One for each message that the reply answers."""
    outcome, reason = outcome_of(ends)
    for wamid in delivery.answers:
        event = OutcomeRecorded(
            event_id=event_id(delivery.tenant_id, wamid, "outcome"),
            trace_id=delivery.trace_id,
            tenant_id=delivery.tenant_id,
            occurred_at=at,
            phone_number_id=delivery.phone_number_id,
            contact_id=delivery.contact_id,
            wamid=wamid,
            outcome=outcome,
            reason=reason,
            reply_id=delivery.reply_id,
        )
        yield draft(MESSAGES_OUTCOME, delivery.conversation, event)


def replies_ended(
    connection: Connection, ended: Sequence[Delivery], at: datetime, after: Sequence[Statement]
) -> Iterator[EventDraft]:
    """Outcomes of the replies whose last part is among `ended`, once `after` has been stored.

    Parts leave one after the other, so the end of the last is the end of the reply.
    """
    last = [delivery for delivery in ended if delivery.part == delivery.parts]
    ends = ends_of(connection, last, after)
    for delivery in last:
        yield from outcomes(delivery, ends[delivery.id], at)
