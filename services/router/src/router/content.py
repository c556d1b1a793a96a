"""What the assistant reads of a message. What is not text is put into words.

A type without a reader here (sticker, reaction...) is recorded and never answered.
"""

from collections.abc import Callable
from typing import Any

from common.lenient_json import at, text_at
from common.visible_text import visible
from router.change_content import contact_change_content, deleted_content, edited_content
from router.flow_content import flow_content
from router.media_content import media_content
from router.message_context import with_context
from router.message_text import LONGEST_TEXT
from router.structured_content import contacts_content, order_content
from router.webhook_items import MessageContent


def extract_content(message: Any) -> MessageContent | None:
    """None where there is nothing an assistant answers, also for a text that nobody can see."""
    kind = at(message, "type")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    content = reader(message) if reader else None
    return with_context(content, message) if content else None


def new_content(message: Any) -> MessageContent | None:
    """Of an edit, which is no change of its own."""
    content = extract_content(message)
    is_change = content and (content.edits or content.deletes or content.previous_ids)
    return None if is_change else content


def text_content(message: Any) -> MessageContent | None:
    body = text_at(message, "text", "body", longest=LONGEST_TEXT)
    return MessageContent("text", body) if body and visible(body) else None


def template_button_content(message: Any) -> MessageContent | None:
    payload = text_at(message, "button", "payload")
    label = text_at(message, "button", "text", longest=LONGEST_TEXT) or payload
    return MessageContent("button", label, payload) if label else None


def interactive_content(message: Any) -> MessageContent | None:
    reply = at(message, "interactive")
    if at(reply, "type") == "button_reply":
        return button_content(at(reply, "button_reply"))
    if at(reply, "type") == "list_reply":
        return row_content(at(reply, "list_reply"))
    if at(reply, "type") == "nfm_reply":
        return flow_content(at(reply, "nfm_reply"))
    return None


def button_content(button: Any) -> MessageContent | None:
    title = text_at(button, "title")
    return MessageContent("button", title, text_at(button, "id")) if title else None


def row_content(row: Any) -> MessageContent | None:
    title, description = text_at(row, "title"), text_at(row, "description")
    if title is None:
        return None
    label = f"{title}: {description}" if description else title
    return MessageContent("list", label, text_at(row, "id"))


def location_content(message: Any) -> MessageContent | None:
    place = at(message, "location")
    latitude, longitude = at(place, "latitude"), at(place, "longitude")
    if not (is_number(latitude) and is_number(longitude)):
        return None
    named = [text_at(place, "name"), text_at(place, "address"), f"({latitude}, {longitude})"]
    return MessageContent("location", "Location: " + ", ".join(part for part in named if part))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


READERS: dict[str, Callable[[Any], MessageContent | None]] = {
    "text": text_content,
    "button": template_button_content,
    "interactive": interactive_content,
    "location": location_content,
    "image": media_content,
    "video": media_content,
    "audio": media_content,
    "document": media_content,
    "contacts": contacts_content,
    "order": order_content,
    "edit": lambda message: edited_content(message, new_content),
    "revoke": deleted_content,
    "system": contact_change_content,
}
