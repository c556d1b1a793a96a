"""What a record says about one message."""

import pytest
from tests.support.builders import (
    a_command,
    a_conversation_change,
    a_delivery,
    a_message,
    a_progress,
    a_reply,
    a_status,
    an_outcome,
)

from common.events.event import Event
from common.kafka.record import REPLAYED, Record
from common.topics import (
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
    Topic,
    dlq_of,
)
from tenant_admin.message_trace.stages import (
    READERS,
    WORDS_SHOWN,
    KnownIds,
    Stage,
    stage_of,
    without_copies,
)

WAMID = "wamid.in.1"
OTHER = "wamid.in.2"


def known(wamid: str = WAMID) -> KnownIds:
    return KnownIds(wamid, {"reply-1"}, {"wamid.out.1"}, {a_message().trace_id})


def record(topic: Topic, event: Event | bytes, **headers: bytes) -> Record:
    value = event if isinstance(event, bytes) else event.encode()
    return Record(topic.name, 0, 7, b"key", value, headers, 1_764_000_000_000)


MEANT: list[tuple[Topic, Event, tuple[str, str, str]]] = [
    (MESSAGES_INBOUND, a_message("hola"), ("routed", "text", "")),
    (MESSAGES_INBOUND, a_message(wamid=OTHER, edits=WAMID), ("changed", "edited", "")),
    (MESSAGES_INBOUND, a_message(wamid=OTHER, deletes=WAMID), ("changed", "deleted", "")),
    (TURNS_PROGRESS, a_progress(), ("turn", "answering", "")),
    (REPLIES_OUTBOUND, a_reply(), ("reply", "answer", "")),
    (DELIVERIES_EVENTS, a_delivery(parts=2), ("delivery 1/2", "accepted", "")),
    (DELIVERIES_EVENTS, a_delivery("failed", error_code=131047), ("delivery", "failed", "131047")),
    (MESSAGES_STATUS, a_status("read"), ("status", "read", "")),
    (MESSAGES_OUTCOME, an_outcome("failed", reason="131047"), ("outcome", "failed", "131047")),
    (MESSAGES_OUTCOME, an_outcome(corrects="e"), ("correction", "answered", "")),
    (CONVERSATIONS_EVENTS, a_conversation_change(), ("conversation", "resumed", "by operator")),
    (CONVERSATIONS_COMMANDS, a_command(), ("command", "resume", "by key:crm")),
]


@pytest.mark.parametrize(("topic", "event", "told"), MEANT)
def test_each_event_is_a_stage_of_the_message_it_is_about(
    topic: Topic, event: Event, told: tuple[str, str, str]
) -> None:
    stage = stage_of(record(topic, event), known())
    assert stage
    assert (stage.what, stage.result, stage.reason) == told


def test_every_topic_about_messages_is_read() -> None:
    assert {topic.name for topic, _, _ in MEANT} == set(READERS)


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        (MESSAGES_INBOUND, a_message(f"{WAMID} said he", wamid=OTHER, reply_to=WAMID)),
        (REPLIES_OUTBOUND, a_reply(answers=(OTHER,), quotes=WAMID)),
        (DELIVERIES_EVENTS, a_delivery(reply_id="reply-2")),
        (MESSAGES_STATUS, a_status(wamid="wamid.out.2")),
        (MESSAGES_OUTCOME, an_outcome(wamid=OTHER)),
    ],
)
def test_events_of_other_messages_are_not(topic: Topic, event: Event) -> None:
    assert stage_of(record(topic, event), known()) is None


def test_ids_lead_from_topic_to_topic() -> None:
    ids = KnownIds(WAMID)
    assert stage_of(record(DELIVERIES_EVENTS, a_delivery()), ids) is None
    assert stage_of(record(REPLIES_OUTBOUND, a_reply()), ids)
    assert stage_of(record(DELIVERIES_EVENTS, a_delivery(wamid="wamid.out.1")), ids)
    assert stage_of(record(MESSAGES_STATUS, a_status()), ids)


@pytest.mark.parametrize("text", ['"wamid.a/b="', r'"wamid.a\/b="'])
def test_a_webhook_is_found_however_its_id_is_written(text: str) -> None:
    raw = f'{{"id":{text}}}'.encode()
    replayed = {REPLAYED: b"2026 ana: lost"}
    assert stage_of(record(WEBHOOKS_RAW, raw), KnownIds("wamid.a/b="))
    stage = stage_of(record(WEBHOOKS_RAW, raw, **replayed), KnownIds("wamid.a/b="))
    assert stage
    assert (stage.result, stage.reason) == ("replayed", "2026 ana: lost")
    assert stage_of(record(WEBHOOKS_RAW, raw), KnownIds("wamid.a/b")) is None


def test_what_was_set_aside_says_why() -> None:
    raw = b'{"id":"wamid.in.1"}'
    stage = stage_of(record(WEBHOOKS_QUARANTINE, raw, reason=b"unknown_number"), known())
    assert stage
    assert (stage.what, stage.reason) == ("quarantined", "unknown_number")
    dead = record(dlq_of(MESSAGES_INBOUND), raw, **{"dlq-reason": b"text: missing"})
    stage = stage_of(dead, known())
    assert stage
    assert (stage.what, stage.reason) == ("dead letter", "reason text: missing")
    stage = stage_of(record(MESSAGES_INBOUND, raw), known())
    assert stage
    assert stage.what == "unreadable"


def test_a_text_is_cut() -> None:
    stage = stage_of(record(MESSAGES_INBOUND, a_message("a" * 1000)), known())
    assert stage
    assert len(stage.words) == WORDS_SHOWN


def test_copies_count_once_and_the_order_is_that_of_time_and_then_of_the_way() -> None:
    stages: list[Stage] = []
    for topic, event in (
        (MESSAGES_OUTCOME, an_outcome()),
        (MESSAGES_INBOUND, a_message()),
        (MESSAGES_OUTCOME, an_outcome()),
    ):
        stage = stage_of(record(topic, event), known())
        assert stage
        stages.append(stage)
    assert [stage.what for stage in without_copies(stages)] == ["routed", "outcome"]
