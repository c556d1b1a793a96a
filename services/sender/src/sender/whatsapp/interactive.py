"""Options that the contact can tap: WhatsApp's reply buttons and lists. Pure.

Limits: developers.facebook.com/documentation/business-messaging/whatsapp, messages/
interactive-reply-buttons-messages and interactive-list-messages. Lengths are UTF-16 units, as the
apps count them.
"""

from typing import Any

from common.events import Choice, Choices
from sender.whatsapp.graphemes import utf16_length

JsonObject = dict[str, Any]
MOST_BUTTONS, BUTTON_TITLE, BUTTON_BODY = 3, 20, 1024
MOST_ROWS, ROW_TITLE, ROW_DESCRIPTION, LIST_BODY = 10, 24, 72, 4096
LIST_BUTTON = 20


def longest_body(choices: Choices) -> int | None:
    """What the text above the options may have; None where WhatsApp cannot show these options."""
    if are_buttons(choices):
        return BUTTON_BODY
    return LIST_BODY if are_rows(choices) else None


def interactive(choices: Choices, body: str) -> JsonObject:
    """The object `interactive` of a message. body: at most `longest_body`."""
    if are_buttons(choices):
        buttons = [{"type": "reply", "reply": title_of(option)} for option in choices.options]
        return {"type": "button", "body": {"text": body}, "action": {"buttons": buttons}}
    rows = [row_of(option) for option in choices.options]
    action = {"button": choices.button, "sections": [{"rows": rows}]}
    return {"type": "list", "body": {"text": body}, "action": action}


def are_buttons(choices: Choices) -> bool:
    return len(choices.options) <= MOST_BUTTONS and all(
        utf16_length(option.title) <= BUTTON_TITLE and not option.description
        for option in choices.options
    )


def are_rows(choices: Choices) -> bool:
    return (
        len(choices.options) <= MOST_ROWS
        and utf16_length(choices.button) <= LIST_BUTTON
        and all(is_row(option) for option in choices.options)
    )


def is_row(option: Choice) -> bool:
    return (
        utf16_length(option.title) <= ROW_TITLE
        and utf16_length(option.description or "") <= ROW_DESCRIPTION
    )


def title_of(option: Choice) -> JsonObject:
    return {"id": option.id, "title": option.title}


def row_of(option: Choice) -> JsonObject:
    return title_of(option) | ({"description": option.description} if option.description else {})
