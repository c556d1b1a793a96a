"""Submitted forms (Flows): the answers in words and as fields. Bounded whatever a form holds."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from common.description import described
from common.events import FlowReply
from common.lenient_json import at, is_shallow, parse_json, storable, text_at
from router.message_text import joined
from router.webhook_items import MessageContent

MOST_ANSWERS = 50
LONGEST_NAME, LONGEST_ANSWER = 200, 1_000  # characters
FLOW_TOKEN = "flow_token"  # which form it was, not an answer


def flow_content(reply: Any) -> MessageContent:
    """reply: the nfm_reply; its `body` is WhatsApp's own text, such as "Sent"."""
    answers: dict[str, str] = {}
    for name, value in islice(answers_of(response_of(reply)), MOST_ANSWERS):
        answers[name] = f"{answers[name]}, {value}" if name in answers else value
    text = described("form", *(f"{name}: {value}" for name, value in answers.items()))
    form = FlowReply(name=text_at(reply, "name"), answers=answers)
    return MessageContent("text", joined(text), flow_reply=form)


def response_of(reply: Any) -> Any:
    """The JSON within the JSON; None where it cannot be read."""
    response = at(reply, "response_json")
    if not isinstance(response, str):
        return None
    body = storable(response).encode()
    parsed = parse_json(body)
    return parsed if isinstance(parsed, dict) and is_shallow(body, parsed) else None


def answers_of(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of a form. A list's values have the list's name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != FLOW_TOKEN:
                yield from answers_of(inner, answer_name(name, key))
    elif isinstance(value, list):
        for inner in value:
            yield from answers_of(inner, name)
    elif value not in (None, ""):
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        yield name, storable(text)[:LONGEST_ANSWER]


def answer_name(outer: str, key: str) -> str:
    return storable(f"{outer}.{key}" if outer else key)[:LONGEST_NAME]
