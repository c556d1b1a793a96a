"""What a record says about one message: a stage of its way. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from common.events import Undecodable
from common.kafka.dead_letter import PREFIX
from common.kafka.record import REPLAYED, Record
from common.topics import (
    BY_NAME,
    CONVERSATIONS_COMMANDS,
    CONVERSATIONS_EVENTS,
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    TURNS_PROGRESS,
    WEBHOOKS_QUARANTINE,
    WEBHOOKS_RAW,
)

WORDS_SHOWN = 60  # characters of a text
REASON_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Stage:
    """at: when it happened, as the event says, else when the broker had the record. result: an
    event's state or outcome. words: of a text, cut. event_id: the same in copies of an event."""

    at: datetime
    what: str
    topic: str
    partition: int
    offset: int
    result: str = ""
    reason: str = ""
    words: str = ""
    event_id: str = ""
    trace_id: str = ""


@dataclass(slots=True)
class KnownIds:
    """What belongs to the message: found in one topic, looked for in the next."""

    wamid: str
    reply_ids: set[str] = field(default_factory=set)
    sent_wamids: set[str] = field(default_factory=set)
    trace_ids: set[str] = field(default_factory=set)

    def needles(self) -> list[bytes]:
        """One of these, as a whole JSON string, is in every record that may belong to it."""
        ids = (self.wamid, *self.reply_ids, *self.sent_wamids, *self.trace_ids)
        found = [orjson.dumps(each) for each in ids]
        return [*found, *(each.replace(b"/", b"\\/") for each in found if b"/" in each)]  # as PHP


def stage_of(record: Record, known: KnownIds) -> Stage | None:
    """None where the record is not about the message. Adds to `known` what it tells."""
    value = record.value or b""
    if not any(needle in value for needle in known.needles()):
        return None
    if record.topic in (WEBHOOKS_RAW.name, WEBHOOKS_QUARANTINE.name):
        return webhook_stage(record)
    topic = BY_NAME.get(record.topic)
    if topic is None:
        return dead_letter_stage(record)
    try:
        event = topic.event.decode(value) if topic.event else None
    except Undecodable as error:
        return plain_stage(record, "unreadable", reason=str(error))
    return event_stage(record, event, known) if event else None


def webhook_stage(record: Record) -> Stage:
    if record.topic == WEBHOOKS_QUARANTINE.name:
        return plain_stage(record, "quarantined", reason=record.header_text("reason"))
    if REPLAYED in record.headers:
        return plain_stage(record, "webhook", "replayed", record.header_text(REPLAYED))
    return plain_stage(record, "webhook", "released" if "released" in record.headers else "")


def dead_letter_stage(record: Record) -> Stage:
    marks = {name: record.header_text(name) for name in record.headers if name.startswith(PREFIX)}
    reason = ", ".join(f"{name.removeprefix(PREFIX)} {text}" for name, text in marks.items())
    return plain_stage(record, "dead letter", "failed", reason)


def plain_stage(record: Record, what: str, result: str = "", reason: str = "") -> Stage:
    at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    return Stage(at, what, *place(record), result=result, reason=reason[:REASON_SHOWN])


def place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def event_stage(record: Record, event: Any, known: KnownIds) -> Stage | None:
    read = READERS.get(record.topic)
    told = read(event, known) if read else None
    if told is None:
        return None
    what, result, reason, words = told
    return Stage(
        event.occurred_at,
        what,
        *place(record),
        result=result,
        reason=(reason or "")[:REASON_SHOWN],
        words=words[:WORDS_SHOWN],
        event_id=event.event_id,
        trace_id=event.trace_id,
    )


Told = tuple[str, str, str | None, str]  # what, result, reason, words


def inbound(event: Any, known: KnownIds) -> Told | None:
    if known.wamid not in (event.wamid, event.edits, event.deletes):
        return None
    known.trace_ids.add(event.trace_id)
    if event.edits or event.deletes:
        return "changed", "edited" if event.edits else "deleted", None, event.text
    return "routed", event.what or event.kind, None, event.text


def progress(event: Any, known: KnownIds) -> Told | None:
    return ("turn", event.state, None, "") if event.wamid == known.wamid else None


def reply(event: Any, known: KnownIds) -> Told | None:
    if known.wamid not in event.answers:
        return None
    known.reply_ids.add(event.reply_id)
    return "reply", event.kind, event.failure, event.text


def delivery(event: Any, known: KnownIds) -> Told | None:
    if event.reply_id not in known.reply_ids:
        return None
    if event.wamid:
        known.sent_wamids.add(event.wamid)
    which = f"delivery {event.part}/{event.parts}" if event.parts > 1 else "delivery"
    return which, event.state, event.reason or error_of(event), ""


def status(event: Any, known: KnownIds) -> Told | None:
    if event.wamid not in known.sent_wamids:
        return None
    return "status", event.status, error_of(event), ""


def outcome(event: Any, known: KnownIds) -> Told | None:
    if event.wamid != known.wamid:
        return None
    known.trace_ids.add(event.trace_id)
    if event.reply_id:
        known.reply_ids.add(event.reply_id)
    return "correction" if event.corrects else "outcome", event.outcome, event.reason, ""


def conversation_change(event: Any, known: KnownIds) -> Told | None:
    if event.trace_id not in known.trace_ids:
        return None
    return "conversation", event.what, event.reason or f"by {event.by}", ""


def command(event: Any, known: KnownIds) -> Told | None:
    if event.trace_id not in known.trace_ids and event.wamid != known.wamid:
        return None
    return "command", event.what, f"by {event.by}", event.text or ""


def error_of(event: Any) -> str | None:
    if event.error_code is None:
        return None
    return f"{event.error_code} {event.error_title or ''}".rstrip()


READERS: Mapping[str, Callable[[Any, KnownIds], Told | None]] = {
    MESSAGES_INBOUND.name: inbound,
    TURNS_PROGRESS.name: progress,
    REPLIES_OUTBOUND.name: reply,
    DELIVERIES_EVENTS.name: delivery,
    MESSAGES_STATUS.name: status,
    MESSAGES_OUTCOME.name: outcome,
    CONVERSATIONS_EVENTS.name: conversation_change,
    CONVERSATIONS_COMMANDS.name: command,
}


def without_copies(stages: list[Stage]) -> list[Stage]:
    """In the order of time; an event that was published twice counts once."""
    first: dict[object, Stage] = {}
    for stage in stages:
        first.setdefault(stage.event_id or (stage.topic, stage.partition, stage.offset), stage)
    return sorted(first.values(), key=lambda stage: (stage.at, ORDER.index(base(stage.topic))))


def base(topic: str) -> str:
    return topic.removesuffix(".dlq")


ORDER = list(BY_NAME)
