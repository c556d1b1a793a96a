"""The events that a delivery causes. Each id depends on the fact alone. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast, get_args

from common.events import (
    DeliveryChanged,
    DeliveryState,
    OutcomeName,
    OutcomeRecorded,
    event_id,
)
from common.outbox_rows import EventDraft, draft
from common.topics import DELIVERIES_EVENTS, MESSAGES_OUTCOME
from sender.reply_ends import TEMPLATE_ALONE, TEMPLATE_WITH_TEXT, PartEnd
from sender.tables import Delivery, DeliveryUpdate

PUBLISHED = frozenset(get_args(DeliveryState))
# What a reason may begin with besides that something failed: the outcome, then a colon.
OTHER_ENDS: tuple[OutcomeName, ...] = ("suppressed", "handed_over")
SUCCESSFUL = frozenset({"accepted", "sent", "delivered", "read", "played"})


def delivery_changed(
    delivery: Delivery, update: DeliveryUpdate, at: datetime, reason: str | None = None
) -> EventDraft | None:
    """None for statuses that are internal: pending and sending. A status that stays was told
    before: now it has a price. reason: of a delivery that is not sent."""
    if update.status not in PUBLISHED:
        return None
    is_template = delivery.template is not None and update.status != "suppressed"
    fact = [update.status] if update.status != delivery.status else [update.status, "priced"]
    event = DeliveryChanged(
        event_id=event_id("delivery", delivery.delivery_id, *fact),
        trace_id=delivery.trace_id,
        tenant_id=delivery.tenant_id,
        occurred_at=at,
        phone_number_id=delivery.phone_number_id,
        contact_id=delivery.contact_id,
        delivery_id=delivery.delivery_id,
        reply_id=delivery.reply_id,
        part=delivery.part,
        parts=delivery.parts,
        state=cast("DeliveryState", update.status),
        state_at=at,
        wamid=update.wamid,
        error_code=update.error_code,
        error_title=update.error_title,
        reason=reason,
        template=delivery.template if is_template else None,
        template_takes_text=delivery.template_takes_text if is_template else None,
        pricing_type=update.pricing_type,
        pricing_category=update.pricing_category,
    )
    return draft(DELIVERIES_EVENTS, delivery.conversation, event)


def delivery_events(
    updates: Sequence[tuple[Delivery, DeliveryUpdate, str | None]], at: datetime
) -> list[EventDraft]:
    """One for each delivery whose status changed. The third: see delivery_changed."""
    return [
        event
        for delivery, update, reason in updates
        if update.status != delivery.status
        and (event := delivery_changed(delivery, update, at, reason))
    ]


def reply_outcome(delivery: Delivery, ends: Sequence[PartEnd]) -> tuple[OutcomeName, str | None]:
    """The end of the first part that was not sent as it is decides for the reply: a template
    answers only where it takes the text, and what comes after it is not sent."""
    for end in ends:
        if end.status not in SUCCESSFUL:
            return named_outcome(
                end.reason, "suppressed" if end.status == "suppressed" else "failed"
            )
        if end.reason in (TEMPLATE_ALONE, TEMPLATE_WITH_TEXT):
            return named_outcome(end.reason, "answered")
    if delivery.failure is None:
        return "answered", None
    return named_outcome(delivery.failure, "failed")


def named_outcome(reason: str | None, otherwise: OutcomeName) -> tuple[OutcomeName, str | None]:
    """The outcome that a reason begins with, and what comes after it."""
    for name in OTHER_ENDS:
        if reason and reason.startswith(f"{name}:"):
            return name, reason.removeprefix(f"{name}:")
    return otherwise, reason


def outcome_events(
    last_parts: Sequence[Delivery], ends: Mapping[int, Sequence[PartEnd]], at: datetime
) -> list[EventDraft]:
    """One for each message that a reply answers. `ends`: of its parts, by the last part's id."""
    return [
        outcome_event(delivery, wamid, *reply_outcome(delivery, ends[delivery.id]), at)
        for delivery in last_parts
        for wamid in delivery.answers
    ]


def correction_events(
    turned: Sequence[Delivery],
    before: Mapping[str, PartEnd],
    ends: Mapping[int, Sequence[PartEnd]],
    at: datetime,
) -> list[EventDraft]:
    """For the messages of replies whose outcome was recorded, and is another now.

    turned: the parts that ended otherwise, `before` by delivery_id. ends: of all parts of their
    replies now, by the part's id.
    """
    replies = {(part.tenant_id, part.reply_id): part for part in turned}
    return [
        outcome_event(part, wamid, *now, at, corrected_by=cause(part, ends[part.id]))
        for part in replies.values()
        if ends[part.id][-1].finished
        and (now := reply_outcome(part, ends[part.id]))
        != reply_outcome(part, [before.get(end.delivery_id, end) for end in ends[part.id]])
        for wamid in part.answers
    ]


def cause(part: Delivery, ends: Sequence[PartEnd]) -> str:
    """The delivery and its new status: it reaches each only once."""
    return f"{part.delivery_id}:{ends[part.part - 1].status}"


def outcome_event(
    delivery: Delivery,
    wamid: str,
    outcome: OutcomeName,
    reason: str | None,
    at: datetime,
    corrected_by: str | None = None,
) -> EventDraft:
    event = OutcomeRecorded.of(
        tenant_id=delivery.tenant_id,
        phone_number_id=delivery.phone_number_id,
        contact_id=delivery.contact_id,
        wamid=wamid,
        outcome=outcome,
        reason=reason,
        reply_id=delivery.reply_id,
        trace_id=delivery.trace_id,
        occurred_at=at,
        corrected_by=corrected_by,
    )
    return draft(MESSAGES_OUTCOME, delivery.conversation, event)
