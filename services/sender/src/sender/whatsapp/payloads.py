"""Bodies for `POST /{phone_number_id}/messages`. Pure.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp, messages/send-messages
and typing-indicators.
"""

from typing import Any

from common.events import OutgoingMedia

JsonObject = dict[str, Any]


def recipient(wa_id: str | None, contact_id: str) -> JsonObject:
    """The phone with a +, without which Meta prepends the business's own country code; else the
    business-scoped user id. Where both are given, Meta ignores the second, so only one is sent."""
    if wa_id:
        return {"to": f"+{wa_id.removeprefix('+')}"}
    if contact_id.isdigit():
        return {"to": f"+{contact_id}"}
    return {"recipient": contact_id}


def text_message(to: JsonObject, body: str, tag: str, quotes: str | None = None) -> JsonObject:
    return message(to, "text", {"body": body}, tag, quotes)


def interactive_message(
    to: JsonObject, content: JsonObject, tag: str, quotes: str | None = None
) -> JsonObject:
    """content: see sender.whatsapp.interactive."""
    return message(to, "interactive", content, tag, quotes)


def template_message(to: JsonObject, content: JsonObject, tag: str) -> JsonObject:
    """content: see sender.whatsapp.template."""
    return message(to, "template", content, tag, quotes=None)


def media_message(
    to: JsonObject, media: OutgoingMedia, tag: str, quotes: str | None = None
) -> JsonObject:
    """Only a document shows its name."""
    content = {"id": media.id}
    if media.caption:
        content["caption"] = media.caption
    if media.kind == "document":
        content["filename"] = media.filename
    return message(to, media.kind, content, tag, quotes)


def message(
    to: JsonObject, kind: str, content: JsonObject, tag: str, quotes: str | None
) -> JsonObject:
    """quotes: wamid of the message that it answers, shown above it."""
    context = {"context": {"message_id": quotes}} if quotes else {}
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **to,
        **context,
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": tag,
    }


def read(wamid: str) -> JsonObject:
    """Marks the message and all before it as read."""
    return {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}


def read_and_typing(wamid: str) -> JsonObject:
    """The same, and shows typing until the reply, at most 25 s."""
    return read(wamid) | {"typing_indicator": {"type": "text"}}
