"""What a record says, in one line for people. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from common.kafka.record import Record
from common.lenient_json import at, list_at, objects_at, parse_json

# Of our events: first what it is about, then its words.
HEADS = (
    "outcome",
    "state",
    "status",
    "what",
    "kind",
    "reason",
    "failure",
    "error_code",
    "error_title",
    "level",
    "detail",
    "until",
    "calls",
    "cost_micros",
    "active",
    "version",
    "name",
)
TEXTS = ("text", "caption", "instructions")
# Of a message of WhatsApp, by whatever type.
MESSAGE_TEXTS = frozenset({"body", "text", "caption", "title", "emoji", "name", "filename"})
DEEPEST = 6


def words_of(record: Record) -> str:
    """ "" where the value has none. May hold anything that people write, control characters too."""
    if record.value is None:
        return "(deleted)"
    value = parse_json(record.value)
    if not isinstance(value, dict):
        return record.value[:2000].decode("utf-8", "replace")
    return "; ".join(webhook_words(value)) if list_at(value, "entry") else event_words(value)


def event_words(event: dict[str, Any]) -> str:
    heads = [f"{name}={event[name]}" for name in HEADS if event.get(name) not in (None, "")]
    texts = [f'"{event[name]}"' for name in TEXTS if event.get(name)]
    return " ".join([*heads, *texts])


def webhook_words(webhook: Any) -> Iterator[str]:
    """Of each message and status of a webhook, else the name of its field."""
    for entry in objects_at(webhook, "entry"):
        for change in objects_at(entry, "changes"):
            words = [*message_words(change), *status_words(change)]
            yield from words or [str(change.get("field"))]


def message_words(change: Any) -> Iterator[str]:
    for message in objects_at(change, "value", "messages"):
        kind = message.get("type")
        text = next(texts_in(message.get(kind) if isinstance(kind, str) else None), None)
        yield f'{kind} "{text}"' if text else str(kind)


def status_words(change: Any) -> Iterator[str]:
    for status in objects_at(change, "value", "statuses"):
        codes = [str(at(error, "code")) for error in objects_at(status, "errors")]
        yield " ".join([f"status={at(status, 'status')}", *codes])


def texts_in(value: Any, depth: int = 0) -> Iterator[str]:
    members: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    for name, member in members:
        if name in MESSAGE_TEXTS and isinstance(member, str):
            yield member
        elif depth < DEEPEST:
            yield from texts_in(member, depth + 1)
