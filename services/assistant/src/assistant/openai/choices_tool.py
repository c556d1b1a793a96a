"""A tool of the model: its message ends with options that the contact can tap. Pure.

A call ends the turn, as that of the handover does: the contact's tap is the next message.
"""

from typing import Any, NamedTuple

from assistant.openai.clean import clean
from assistant.openai.tool_calls import arguments_of
from common.lenient_json import at, objects_at
from common.visible_text import visible

NAME = "offer_choices"
FEWEST, MOST = 2, 10  # WhatsApp: 3 buttons, or a list of 10 rows
LONGEST_TITLE, LONGEST_DESCRIPTION = 24, 72  # of a row; a button's title has 20 at most
# A strict schema: https://developers.openai.com/api/docs/guides/function-calling.md
CHOICES_TOOL: dict[str, Any] = {
    "type": "function",
    "name": NAME,
    "description": (
        "Sends your message with options that the customer can tap. Use it when you ask the"
        " customer to choose among two to ten short options that you know; never for open"
        " questions. It ends your turn: the customer's choice comes as their next message."
    ),
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "Your whole message, without the options"},
            "options": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "title": {
                            "type": "string",
                            "description": f"At most {LONGEST_TITLE} characters; 20 if there are"
                            " up to three options",
                        },
                        "description": {
                            "type": ["string", "null"],
                            "description": f"At most {LONGEST_DESCRIPTION} characters, or null",
                        },
                    },
                    "required": ["title", "description"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["text", "options"],
        "additionalProperties": False,
    },
}


class Option(NamedTuple):
    title: str
    description: str | None


class Offer(NamedTuple):
    """What the model offers. text: empty where it has said all of it in its answer."""

    text: str
    options: tuple[Option, ...]


def offer_of(body: object) -> Offer | None:
    """What a response offers; None for one that does not, or whose call cannot be read or leaves
    no choice."""
    arguments = arguments_of(body, NAME)
    text = at(arguments, "text")
    by_title: dict[str, Option] = {}
    for item in objects_at(arguments, "options"):
        option = Option(words_of(item, "title"), words_of(item, "description") or None)
        if visible(option.title):
            by_title.setdefault(option.title, option)
    options = tuple(by_title.values())
    if len(options) < FEWEST:
        return None
    return Offer(clean(text) if isinstance(text, str) else "", options)


def words_of(item: dict[str, Any], name: str) -> str:
    """On one line."""
    value = item.get(name)
    return " ".join(clean(value).split()) if isinstance(value, str) else ""
