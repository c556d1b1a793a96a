"""What the Graph API checks in `POST /{phone_number_id}/messages` before it accepts it. Pure.

Limits: developers.facebook.com/documentation/business-messaging/whatsapp/messages. Every check
raises GraphError with the code that Meta uses.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

from devkit.emulators.whatsapp.errors import GraphError

Json = dict[str, Any]
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
PHONE = re.compile(r"\+?[0-9 ()-]{5,24}")
MEDIA = ("image", "audio", "video", "document", "sticker")


def parsed(raw: bytes) -> Json:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise GraphError(100, "Request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise GraphError(100, "Request body must be a JSON object")
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required.")
    return body


def check_send(body: Json) -> None:
    """A message to send: its recipient, its tag and the content of its type."""
    check_recipient(body)
    tag = body.get("biz_opaque_callback_data")
    if tag is not None and not (isinstance(tag, str) and len(tag) <= 512):
        raise GraphError(100, "Param biz_opaque_callback_data must be at most 512 characters long.")
    if "context" in body:
        required(body["context"], "message_id", "context")
    kind = body.get("type", "text")
    check = CONTENT.get(kind) if isinstance(kind, str) else None
    if check is None:
        raise GraphError(100, f"Param type must be one of {{{', '.join(CONTENT).upper()}}}")
    content = body.get(kind)
    if not isinstance(content, dict | list) or not content:
        raise GraphError(131008, f"Parameter {kind} is missing")
    check(content)


def check_recipient(body: Json) -> None:
    """`to` wins over `recipient` (a BSUID) where both are given."""
    if body.get("recipient_type", "individual") != "individual":
        raise GraphError(131009, "recipient_type must be individual")
    to, recipient = body.get("to"), body.get("recipient")
    if not to and not recipient:
        raise GraphError(100, "The parameter to is required.")
    if to and not (isinstance(to, str) and PHONE.fullmatch(to)):
        raise GraphError(131009, "Parameter to is not a phone number")
    if not to and not (isinstance(recipient, str) and BSUID.fullmatch(recipient)):
        raise GraphError(131009, "Parameter recipient is not a business-scoped user id")


def check_text(text: Json) -> None:
    unexpected = text.keys() - {"body", "preview_url"}
    if unexpected:
        raise GraphError(100, f'Unexpected key "{min(unexpected)}" on param "text".')
    words(text, "body", "text", 4096)


def check_interactive(interactive: Json) -> None:
    kind = required(interactive, "type", "interactive")
    body = required(interactive, "body", "interactive")
    words(body, "text", "interactive.body", 4096 if kind == "list" else 1024)
    for part in ("header", "footer"):
        if interactive.get(part, {}).get("text") is not None:
            words(interactive[part], "text", f"interactive.{part}", 60)
    action = required(interactive, "action", "interactive")
    if kind == "button":
        check_buttons(action)
    elif kind == "list":
        check_list(action)


def check_buttons(action: Json) -> None:
    buttons = items(action, "buttons", "interactive.action", 3)
    replies = [required(button, "reply", "interactive.action.buttons") for button in buttons]
    for reply in replies:
        words(reply, "id", "interactive.action.buttons.reply", 256)
        words(reply, "title", "interactive.action.buttons.reply", 20)
    distinct([reply["id"] for reply in replies], "button ids")
    distinct([reply["title"] for reply in replies], "button titles")


def check_list(action: Json) -> None:
    words(action, "button", "interactive.action", 20)
    sections = items(action, "sections", "interactive.action", 10)
    rows: list[Json] = []
    for section in sections:
        rows += items(section, "rows", "interactive.action.sections", 10)
        if len(sections) > 1:
            words(section, "title", "interactive.action.sections", 24)
    if len(rows) > 10:
        raise GraphError(131009, "Total row count exceed max allowed count: 10")
    for row in rows:
        words(row, "id", "interactive.action.sections.rows", 200)
        words(row, "title", "interactive.action.sections.rows", 24)
        if row.get("description"):
            words(row, "description", "interactive.action.sections.rows", 72)
    distinct([row["id"] for row in rows], "row ids")


def check_location(location: Json) -> None:
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            value = float(required(location, name, "location"))
        except (TypeError, ValueError):
            raise GraphError(131009, f"Parameter location.{name} is not a number") from None
        if not -limit <= value <= limit:
            raise GraphError(131009, f"Parameter location.{name} is out of range")


def check_reaction(reaction: Json) -> None:
    required(reaction, "message_id", "reaction")
    if not isinstance(reaction.get("emoji"), str):
        raise GraphError(131008, "Parameter reaction.emoji is missing")


def check_media(media: Json) -> None:
    if not media.get("id") and not media.get("link"):
        raise GraphError(131008, "Parameter id or link is missing")
    if media.get("caption"):
        words(media, "caption", "media", 1024)


def check_template(template: Json) -> None:
    required(template, "name", "template")
    required(required(template, "language", "template"), "code", "template.language")


def check_contacts(contacts: Any) -> None:
    for contact in contacts:
        required(required(contact, "name", "contacts"), "formatted_name", "contacts.name")


def required(holder: Any, name: str, path: str) -> Any:
    if not isinstance(holder, dict):
        raise GraphError(100, f"Param {path} must be a JSON object.")
    value = holder.get(name)
    if value is None or value in ("", [], {}):
        raise GraphError(131008, f"Parameter {path}.{name} is missing")
    return value


def words(holder: Any, name: str, path: str, limit: int) -> None:
    value = required(holder, name, path)
    if not isinstance(value, str):
        raise GraphError(100, f"Param {path}['{name}'] must be a string.")
    if len(value) > limit:
        raise GraphError(100, f"Param {path}['{name}'] must be at most {limit} characters long.")


def items(holder: Any, name: str, path: str, limit: int) -> list[Json]:
    value = required(holder, name, path)
    if not isinstance(value, list) or len(value) > limit:
        raise GraphError(131009, f"Parameter {path}.{name} takes 1 to {limit} elements")
    return value


def distinct(values: list[str], what: str) -> None:
    if len(set(values)) < len(values):
        raise GraphError(131009, f"Duplicated {what}")


CONTENT: dict[str, Callable[[Any], None]] = {
    "text": check_text,
    "interactive": check_interactive,
    "location": check_location,
    "reaction": check_reaction,
    "template": check_template,
    "contacts": check_contacts,
    **dict.fromkeys(MEDIA, check_media),
}
