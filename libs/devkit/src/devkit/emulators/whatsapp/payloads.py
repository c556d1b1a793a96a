"""Webhook bodies as Meta builds them. Pure: every id and every time is an argument.

Shapes: developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference.
Times are seconds since 1970; Meta writes them as strings of whole seconds. A person whose phone is
not visible appears by business-scoped user id only, as Meta does since 2026.

    webhook = inbound(business, contact, text(contact, wamid, at, "Hola"))
    body = encode(webhook)
    headers = {"X-Hub-Signature-256": sign(app_secret, body)}
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

from devkit.emulators.whatsapp.identities import Business, Contact

Json = dict[str, Any]


def encode(webhook: Json) -> bytes:
    """The bytes on the wire: non-ASCII and `/` are escaped, so a re-serialised copy differs."""
    return json.dumps(webhook, separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, body: bytes) -> str:
    """The X-Hub-Signature-256 header for exactly these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def message(
    contact: Contact, wamid: str, at: float, kind: str, content: Any, quoted: str | None = None
) -> Json:
    """One element of `messages[]`; `quoted` is the wamid it answers to."""
    sender = {"from": contact.wa_id} if contact.phone_visible else {}
    context = {"context": {"id": quoted}} if quoted else {}
    return {
        **sender,
        "from_user_id": contact.user_id,
        "id": wamid,
        "timestamp": str(int(at)),
        "type": kind,
        **context,
        kind: content,
    }


def text(contact: Contact, wamid: str, at: float, body: str, quoted: str | None = None) -> Json:
    return message(contact, wamid, at, "text", {"body": body}, quoted)


def button_reply(
    contact: Contact, wamid: str, at: float, id: str, title: str, quoted: str | None = None
) -> Json:
    content = {"type": "button_reply", "button_reply": {"id": id, "title": title}}
    return message(contact, wamid, at, "interactive", content, quoted)


def list_reply(
    contact: Contact,
    wamid: str,
    at: float,
    id: str,
    title: str,
    description: str | None = None,
    quoted: str | None = None,
) -> Json:
    row = {"id": id, "title": title} | ({"description": description} if description else {})
    content = {"type": "list_reply", "list_reply": row}
    return message(contact, wamid, at, "interactive", content, quoted)


def location(
    contact: Contact,
    wamid: str,
    at: float,
    latitude: float,
    longitude: float,
    name: str | None = None,
    address: str | None = None,
) -> Json:
    named = {"name": name, "address": address}
    content = {"latitude": latitude, "longitude": longitude}
    return message(contact, wamid, at, "location", content | {k: v for k, v in named.items() if v})


def media(contact: Contact, wamid: str, at: float, kind: str, media_id: str, **extra: Any) -> Json:
    """image, audio, video, document or sticker; `extra`: caption, filename, voice, animated."""
    return message(contact, wamid, at, kind, media_object(kind, media_id) | extra)


def image(contact: Contact, wamid: str, at: float, media_id: str, caption: str = "") -> Json:
    extra = {"caption": caption} if caption else {}
    return media(contact, wamid, at, "image", media_id, **extra)


def audio(contact: Contact, wamid: str, at: float, media_id: str, voice: bool = True) -> Json:
    return media(contact, wamid, at, "audio", media_id, voice=voice)


def reaction(
    contact: Contact, wamid: str, at: float, message_id: str, emoji: str | None = None
) -> Json:
    """Without an emoji the earlier reaction is removed."""
    content = {"message_id": message_id} | ({"emoji": emoji} if emoji else {})
    return message(contact, wamid, at, "reaction", content)


def contacts(contact: Contact, wamid: str, at: float, name: str, phone: str) -> Json:
    """One shared card; a phone that is on WhatsApp would also carry its wa_id."""
    card = {"name": {"formatted_name": name}, "phones": [{"phone": phone, "type": "CELL"}]}
    return message(contact, wamid, at, "contacts", [card])


def edit(contact: Contact, wamid: str, at: float, original: str, body: str) -> Json:
    """A text that was sent is replaced. Meta reports it to numbers that are in the app too."""
    content = {"type": "text", "text": {"body": body}}
    edited = {"original_message_id": original, "message": content}
    return message(contact, wamid, at, "edit", edited)


def revoke(contact: Contact, wamid: str, at: float, original: str) -> Json:
    """A message is deleted for everyone; reported as an edit is."""
    return message(contact, wamid, at, "revoke", {"original_message_id": original})


def unsupported(contact: Contact, wamid: str, at: float) -> Json:
    failure = error(131051, "Message type unknown", "Message type is currently not supported.")
    return message(contact, wamid, at, "unsupported", {"type": "poll_creation"}) | {
        "errors": [failure]
    }


def user_changed_user_id(contact: Contact, wamid: str, at: float, previous_user_id: str) -> Json:
    """A system message: the person has a new BSUID. It never carries a phone."""
    content = {
        "type": "user_changed_user_id",
        "body": "User changed their user id",
        "user_id": contact.user_id,
        "previous_user_id": previous_user_id,
    }
    bare = message(contact, wamid, at, "system", content)
    return {key: value for key, value in bare.items() if key != "from"}


def status(
    contact: Contact,
    wamid: str,
    name: str,
    at: float,
    tag: str | None = None,
    by_phone: bool = True,
) -> Json:
    """sent, delivered, read or played. `tag` is the biz_opaque_callback_data to echo.

    `by_phone`: the message was addressed to the phone, so its status always tells it.
    """
    phone = {"recipient_id": contact.wa_id} if by_phone or contact.phone_visible else {}
    return {
        "id": wamid,
        "status": name,
        "timestamp": str(int(at)),
        **phone,
        "recipient_user_id": contact.user_id,
        **({"biz_opaque_callback_data": tag} if tag is not None else {}),
        **({"pricing": PRICING} if name in {"sent", "delivered"} else {}),
    }


def failed(
    contact: Contact,
    wamid: str,
    at: float,
    code: int,
    title: str,
    details: str = "",
    by_phone: bool = True,
) -> Json:
    """A failed status: never a tag; the BSUID only if the message was addressed to it."""
    to = {"recipient_id": contact.wa_id} if by_phone else {"recipient_user_id": contact.user_id}
    return {
        "id": wamid,
        "status": "failed",
        "timestamp": str(int(at)),
        **to,
        "errors": [error(code, title, details or title)],
    }


def inbound(business: Business, contact: Contact, *messages: Json) -> Json:
    """One webhook with these messages of one person."""
    return webhook(business, messaging(business, [contact], messages=list(messages)))


def echo(business: Business, contact: Contact, wamid: str, at: float, body: str) -> Json:
    """One webhook: the business has written this text on its own phone."""
    message = {
        "from": business.digits,
        **({"to": contact.wa_id} if contact.phone_visible else {}),
        "to_user_id": contact.user_id,
        "id": wamid,
        "timestamp": str(int(at)),
        "type": "text",
        "text": {"body": body},
    }
    value = messaging(business, [contact], message_echoes=[message])
    return webhook(business, value, "smb_message_echoes")


def statuses(business: Business, contacts: Iterable[Contact], *updates: Json) -> Json:
    """One webhook with these statuses; pass no contacts for failed ones, as Meta does."""
    return webhook(business, messaging(business, contacts, statuses=list(updates)))


def messaging(business: Business, contacts: Iterable[Contact], **content: Any) -> Json:
    people = [profile(contact) for contact in contacts]
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": business.digits,
            "phone_number_id": business.phone_number_id,
        },
        **({"contacts": people} if people else {}),
        **content,
    }


def webhook(business: Business, value: Json, field: str = "messages") -> Json:
    """The envelope around any field's value."""
    entry = {"id": business.waba_id, "changes": [{"value": value, "field": field}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def batch(webhooks: Iterable[Json]) -> Json:
    """Several webhooks in one POST, also of several businesses, as Meta aggregates them."""
    entries = [entry for webhook in webhooks for entry in webhook["entry"]]
    return {"object": "whatsapp_business_account", "entry": entries}


def profile(contact: Contact) -> Json:
    if contact.phone_visible:
        return {
            "profile": {"name": contact.name},
            "wa_id": contact.wa_id,
            "user_id": contact.user_id,
        }
    named = {"name": contact.name, "username": username(contact)}
    return {"profile": named, "user_id": contact.user_id}


def username(contact: Contact) -> str:
    return "".join(filter(str.isalnum, contact.name.lower())) or "user"


def error(code: int, title: str, details: str) -> Json:
    href = "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes"
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": href,
    }


def media_object(kind: str, media_id: str) -> Json:
    digest = hashlib.sha256(media_id.encode()).hexdigest()
    return {"id": media_id, "mime_type": MIME_TYPES[kind], "sha256": digest}


MIME_TYPES = {
    "image": "image/jpeg",
    "audio": "audio/ogg; codecs=opus",
    "video": "video/mp4",
    "document": "application/pdf",
    "sticker": "image/webp",
}
PRICING = {
    "billable": False,
    "pricing_model": "PMP",
    "type": "free_customer_service",
    "category": "service",
}
