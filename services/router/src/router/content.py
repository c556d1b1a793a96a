"""What the assistant reads of a message: text, pressed buttons, chosen rows, locations."""

from typing import Any

from router.json_shapes import at, text
from router.webhook_items import Said

LONGEST_TEXT = 65_536  # characters; WhatsApp's own limit for a person's text


def said_in(message: Any) -> Said | None:
    """None where there is nothing an assistant answers, also for a text without text."""
    kind = at(message, "type")
    reader = READERS.get(kind) if isinstance(kind, str) else None
    return reader(message) if reader else None


def _text(message: Any) -> Said | None:
    body = text(message, "text", "body", longest=LONGEST_TEXT)
    return Said("text", body) if body and body.strip() else None


def _template_button(message: Any) -> Said | None:
    label = text(message, "button", "text", longest=LONGEST_TEXT)
    return Said("button", label, text(message, "button", "payload")) if label else None


def _interactive(message: Any) -> Said | None:
    reply = at(message, "interactive")
    if at(reply, "type") == "button_reply":
        title = text(reply, "button_reply", "title")
        return Said("button", title, text(reply, "button_reply", "id")) if title else None
    if at(reply, "type") == "list_reply":
        return _row(at(reply, "list_reply"))
    return None


def _row(row: Any) -> Said | None:
    title, description = text(row, "title"), text(row, "description")
    if title is None:
        return None
    return Said("list", f"{title}: {description}" if description else title, text(row, "id"))


def _location(message: Any) -> Said | None:
    place = at(message, "location")
    latitude, longitude = at(place, "latitude"), at(place, "longitude")
    if not (is_number(latitude) and is_number(longitude)):
        return None
    named = [text(place, "name"), text(place, "address"), f"({latitude}, {longitude})"]
    return Said("location", "Location: " + ", ".join(part for part in named if part))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


READERS = {
    "text": _text,
    "button": _template_button,
    "interactive": _interactive,
    "location": _location,
}
