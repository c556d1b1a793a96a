"""Items as events: with their tenant, their trace and a key that keeps a conversation in order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.events import (
    ConversationEvent,
    MessageReceived,
    OutcomeName,
    OutcomeRecorded,
    StatusReceived,
    event_id,
)
from common.service.tracing import trace_headers
from common.topics import MESSAGES_INBOUND, MESSAGES_OUTCOME, MESSAGES_STATUS, Topic
from router.items import Message, Said, Status


@dataclass(frozen=True, slots=True)
class Origin:
    """What all items of one record share."""

    tenant_id: int
    active: bool
    phone_number_id: str
    trace_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Out:
    """One record to publish."""

    topic: Topic
    key: str
    value: bytes
    headers: list[tuple[str, bytes]]


def message_event(item: Message, said: Said, origin: Origin) -> Out:
    event = MessageReceived(
        **_shared(origin, item.contact.id, item.wamid, "received"),
        kind=said.kind,
        text=said.text,
        choice_id=said.choice_id,
        reply_to=item.reply_to,
        wa_id=item.contact.wa_id,
        contact_name=item.contact.name,
        sent_at=item.sent_at or origin.received_at,
        received_at=origin.received_at,
    )
    return _out(MESSAGES_INBOUND, event)


def outcome_event(item: Message, origin: Origin, outcome: OutcomeName, reason: str) -> Out:
    shared = _shared(origin, item.contact.id, item.wamid, "outcome")
    return _out(MESSAGES_OUTCOME, OutcomeRecorded(**shared, outcome=outcome, reason=reason))


def status_event(item: Status, origin: Origin) -> Out:
    event = StatusReceived(
        **_shared(origin, item.contact_id, item.wamid, item.status),
        status=item.status,
        status_at=item.status_at or origin.received_at,
        tag=item.tag,
        error_code=item.error_code,
        error_title=item.error_title,
        pricing_type=item.pricing_type,
        pricing_category=item.pricing_category,
    )
    return _out(MESSAGES_STATUS, event)


def _shared(origin: Origin, contact_id: str, wamid: str, fact: str) -> dict[str, Any]:
    """Everything follows from the record, so that routing it again gives the same event."""
    return {
        "event_id": event_id(origin.tenant_id, wamid, fact),
        "trace_id": origin.trace_id,
        "tenant_id": origin.tenant_id,
        "occurred_at": origin.received_at,
        "phone_number_id": origin.phone_number_id,
        "contact_id": contact_id,
        "wamid": wamid,
    }


def _out(topic: Topic, event: ConversationEvent) -> Out:
    return Out(topic, event.conversation, event.encode(), trace_headers(event.trace_id))
