"""Builds what the assistant's pure functions take: turns with messages and answers."""

from typing import Any

from tests.support.builders import CONTACT, NOON, NUMBER, TRACE

from assistant.turn_context import Conversation, StoredMessage, TurnContext

OF_TURN = ("history", "is_busy")


def contact_message(
    body: str, id: int = 1, turn_id: int | None = None, **fields: Any
) -> StoredMessage:
    values: dict[str, Any] = {
        "conversation_id": 7,
        "role": "u",
        "wamid": f"wamid.{id}",
        "sent_at": NOON,
        "trace_id": TRACE,
    }
    return StoredMessage(id=id, turn_id=turn_id, body=body, **values | fields)


def assistant_message(body: str, id: int, turn_id: int) -> StoredMessage:
    return contact_message(body, id, turn_id, role="a", wamid=None)


def a_conversation(**fields: Any) -> Conversation:
    values: dict[str, Any] = {
        "id": 7,
        "tenant_id": 1,
        "phone_number_id": NUMBER,
        "contact_id": CONTACT,
    }
    values |= {"wa_id": None, "contact_name": None, "opted_out": False, "handed_over": False}
    values |= {"had_fallback": False, "in_loop": False}
    values |= {"disclosed": True, "closed_text_at": None}
    return Conversation(**values | fields)


def a_turn(*texts: str, **fields: Any) -> TurnContext:
    """A turn about messages with these texts; `fields` of the turn or its conversation."""
    pending = tuple(
        contact_message(text, id) for id, text in enumerate(texts or ("hola",), start=1)
    )
    of_turn = {name: fields.pop(name) for name in OF_TURN if name in fields}
    values: dict[str, Any] = {"turn_id": 3, "last_message_id": len(pending), "superseded": 0}
    values["first_claimed_at"] = NOON
    values["history"] = ()
    return TurnContext(conversation=a_conversation(**fields), pending=pending, **values | of_turn)
