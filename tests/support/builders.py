"""One builder per event: valid without arguments, `fields` replace what a test is about."""

from datetime import UTC, datetime
from typing import Any

from common.events import (
    AccountNews,
    AssistantConfig,
    ConversationChanged,
    ConversationCommand,
    DeliveryChanged,
    MessageReceived,
    OutcomeRecorded,
    ReplyReady,
    StatusReceived,
    TenantConfig,
    TurnProgress,
    UsageRecorded,
    event_id,
)

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"
NUMBER, CONTACT, ASSISTANT = "100000000000001", "ES.13491208655302741918", "asst_bakery"

ACCOUNT = "102290129340398"

CONVERSATION = {"phone_number_id": NUMBER, "contact_id": CONTACT}


def a_message(text: str = "hola", **fields: Any) -> MessageReceived:
    values = {"wamid": "wamid.in.1", "kind": "text", "sent_at": NOON, "received_at": NOON} | fields
    return MessageReceived(**facts("message", values["wamid"]) | CONVERSATION | values, text=text)


def a_status(status: str = "delivered", **fields: Any) -> StatusReceived:
    values = {"wamid": "wamid.out.1", "status": status, "status_at": NOON} | fields
    return StatusReceived(**facts("status", values["wamid"], status) | CONVERSATION | values)


def a_reply(text: str = "Abrimos a las 9.", **fields: Any) -> ReplyReady:
    values = {"reply_id": "reply-1", "kind": "answer", "answers": ("wamid.in.1",)} | fields
    values = {"last_inbound_at": NOON} | values
    return ReplyReady(**facts("reply", values["reply_id"]) | CONVERSATION | values, text=text)


def a_progress(state: str = "answering", **fields: Any) -> TurnProgress:
    values = {"state": state, "wamid": "wamid.in.1", "messages": 1, "since": NOON, "until": NOON}
    return TurnProgress(**facts("progress", state) | CONVERSATION | values | fields)


def a_delivery(state: str = "accepted", **fields: Any) -> DeliveryChanged:
    values = {"delivery_id": "delivery-1", "reply_id": "reply-1", "part": 1, "parts": 1} | fields
    values = {"state": state, "state_at": NOON} | values
    given = facts("delivery", values["delivery_id"], state)
    return DeliveryChanged(**given | CONVERSATION | values)


def an_outcome(outcome: str = "answered", **fields: Any) -> OutcomeRecorded:
    values = {"wamid": "wamid.in.1", "outcome": outcome} | fields
    return OutcomeRecorded(**facts("outcome", values["wamid"]) | CONVERSATION | values)


def a_command(what: str = "resume", **fields: Any) -> ConversationCommand:
    values = {"what": what, "by": "key:crm"} | fields
    return ConversationCommand(**facts("command", what) | CONVERSATION | values)


def a_conversation_change(what: str = "resumed", **fields: Any) -> ConversationChanged:
    values = {"what": what, "by": "operator"} | fields
    return ConversationChanged(**facts("conversation", what) | CONVERSATION | values)


def a_usage(calls: int = 3, **fields: Any) -> UsageRecorded:
    values: dict[str, Any] = {"day": NOON.date(), "calls": calls, "unpriced_calls": 0} | fields
    sums = {"input_tokens": 100, "cached_tokens": 60, "cache_write_tokens": 30}
    sums |= {"output_tokens": 20, "reasoning_tokens": 8, "cost_micros": 2500}
    return UsageRecorded(**facts("usage", values["day"], calls) | sums | values)


def an_account_news(what: str = "banned", **fields: Any) -> AccountNews:
    values = {"waba_id": ACCOUNT, "field": "account_update", "at": NOON} | fields
    return AccountNews(**facts("account", what, values["at"]) | values, what=what)


def a_tenant(name: str = "Panadería Sol", **fields: Any) -> TenantConfig:
    values = {"phone_number": "+34911000001", "phone_number_id": NUMBER, "version": 1} | fields
    values = {"assistant_id": ASSISTANT, "active": True, "updated_at": NOON} | values
    given = facts("tenant", values["phone_number_id"], values["version"])
    return TenantConfig(**given | values, name=name)


def an_assistant(instructions: str = "Eres el asistente.", **fields: Any) -> AssistantConfig:
    values = {"assistant_id": ASSISTANT, "version": 1, "name": "Sol", "model": "gpt-5.2"} | fields
    given = facts("assistant", values["assistant_id"], values["version"])
    return AssistantConfig(**given | values, instructions=instructions)


def facts(*what: object) -> dict[str, Any]:
    """What every event carries; the same facts give the same event_id."""
    return {
        "event_id": event_id(*what),
        "trace_id": TRACE,
        "tenant_id": 1,
        "occurred_at": NOON,
    }
