"""Bodies for `POST /{phone_number_id}/messages`. Pure.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp, messages/send-messages
and typing-indicators.
"""

from typing import Any

JsonObject = dict[str, Any]


def recipient(wa_id: str | None, contact_id: str) -> JsonObject:
    """The phone with a +, without which Meta prepends the business's own country code; else the
    business-scoped user id. Where both are given, Meta ignores the second, so only one is sent."""
    if wa_id:
        return {"to": f"+{wa_id.removeprefix('+')}"}
    if contact_id.isdigit():
        return {"to": f"+{contact_id}"}
    return {"recipient": contact_id}


def text_message(to: JsonObject, body: str, tag: str) -> JsonObject:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **to,
        "type": "text",
        "text": {"body": body},
        "biz_opaque_callback_data": tag,
    }


def read_and_typing(wamid: str) -> JsonObject:
    """Marks the message and all before it as read; shows typing until the reply, at most 25 s."""
    return {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": wamid,
        "typing_indicator": {"type": "text"},
    }


def read_mark(wamid: str) -> JsonObject:
    """Marks the message and all before it as read."""
    return {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
