"""The events of webhook items, as records whose key keeps a conversation in order."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from common.events import (
    AccountNews,
    ConversationCommand,
    ConversationEvent,
    MessageReceived,
    OutcomeName,
    OutcomeRecorded,
    StatusReceived,
    event_id,
)
from common.kafka.record import OutgoingRecord
from common.service.tracing import trace_headers
from common.topics import (
    ACCOUNTS_EVENTS,
    CONVERSATIONS_COMMANDS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    Topic,
)
from router.webhook_items import AccountChange, Echo, Message, MessageContent, Status


@dataclass(frozen=True, slots=True)
class Origin:
    """What all items of one record share."""

    tenant_id: int
    active: bool
    phone_number_id: str
    trace_id: str
    received_at: datetime


def message_record(item: Message, content: MessageContent, origin: Origin) -> OutgoingRecord:
    event = MessageReceived(
        **shared_fields(origin, item.contact.id, item.wamid, "received"),
        kind=content.kind,
        text=content.text,
        choice_id=content.choice_id,
        what=item.kind,
        media=content.media,
        caption=content.caption,
        order=content.order,
        shared_contacts=content.shared_contacts,
        flow_reply=content.flow_reply,
        referral=content.referral,
        forwarded=content.forwarded,
        edits=content.edits,
        deletes=content.deletes,
        previous_ids=content.previous_ids,
        reply_to=item.reply_to,
        wa_id=item.contact.wa_id,
        contact_name=item.contact.name,
        sent_at=item.sent_at or origin.received_at,
        received_at=origin.received_at,
    )
    return record_for(MESSAGES_INBOUND, event)


def outcome_record(
    item: Message, origin: Origin, outcome: OutcomeName, reason: str
) -> OutgoingRecord:
    event = OutcomeRecorded.of(
        tenant_id=origin.tenant_id,
        phone_number_id=origin.phone_number_id,
        contact_id=item.contact.id,
        wamid=item.wamid,
        outcome=outcome,
        reason=reason,
        trace_id=origin.trace_id,
        occurred_at=origin.received_at,
    )
    return record_for(MESSAGES_OUTCOME, event)


def echo_record(item: Echo, origin: Origin) -> OutgoingRecord:
    event = ConversationCommand(
        **shared_fields(origin, item.contact.id, item.wamid, "echo"),
        what="echo",
        by="echo",
        text=item.text,
        wa_id=item.contact.wa_id,
        sent_at=item.sent_at or origin.received_at,
    )
    return record_for(CONVERSATIONS_COMMANDS, event)


def status_record(item: Status, origin: Origin) -> OutgoingRecord:
    event = StatusReceived(
        **shared_fields(origin, item.contact_id, item.wamid, item.status),
        status=item.status,
        status_at=item.status_at or origin.received_at,
        tag=item.tag,
        error_code=item.error_code,
        error_title=item.error_title,
        pricing_type=item.pricing_type,
        pricing_category=item.pricing_category,
    )
    return record_for(MESSAGES_STATUS, event)


def account_news(
    change: AccountChange, tenant_id: int, trace_id: str, received_at: datetime
) -> AccountNews:
    """Meta's repeats are the same event where the webhook has a time."""
    at, news = change.at or received_at, asdict(change.news)
    lasts = news.pop("lasts")
    news["until"] = news["until"] or (lasts and at + lasts)
    return AccountNews(
        event_id=event_id(
            "account", change.waba_id, at.isoformat(), change.digest, news["subject"]
        ),
        trace_id=trace_id,
        tenant_id=tenant_id,
        occurred_at=received_at,
        waba_id=change.waba_id,
        field=change.field,
        at=at,
        **news,
    )


def account_of_number(origin: Origin, waba_id: str) -> AccountNews:
    """Which account a number is of: news of the account are then also the client's."""
    return AccountNews(
        event_id=event_id("account_of_number", origin.phone_number_id, waba_id),
        trace_id=origin.trace_id,
        tenant_id=origin.tenant_id,
        occurred_at=origin.received_at,
        waba_id=waba_id,
        phone_number_id=origin.phone_number_id,
        field="messages",
        what="number",
        at=origin.received_at,
    )


def news_record(news: AccountNews) -> OutgoingRecord:
    key = news.phone_number_id or news.waba_id
    return OutgoingRecord(ACCOUNTS_EVENTS, key, news.encode(), trace_headers(news.trace_id))


def shared_fields(origin: Origin, contact_id: str, wamid: str, fact: str) -> dict[str, Any]:
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


def record_for(topic: Topic, event: ConversationEvent) -> OutgoingRecord:
    return OutgoingRecord(topic, event.conversation, event.encode(), trace_headers(event.trace_id))
