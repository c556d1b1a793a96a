"""What a record says, and where a replayed one may go."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from common.kafka.record import REPLAY_ID, REPLAYED, REPLAYED_FROM, Record
from common.topics import BY_NAME, WEBHOOKS_RAW
from tenant_admin.cli.replay import line_of
from tenant_admin.cli.terminal import json_text, one_line
from tenant_admin.core.problems import RequestRefused
from tenant_admin.replay.send import (
    BILLED,
    ReplayMarks,
    oldest_allowed,
    origin_of,
    replay_headers,
    target_of,
)
from tenant_admin.replay.words import words_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MARKS = ReplayMarks("id-1", "ana@box", "after the fix", NOW)
PAYLOADS = sorted((Path(__file__).parents[2] / "contract/payloads").glob("*.json"))


def record(
    value: bytes | None, key: str = "1:2", headers: dict[str, bytes] | None = None
) -> Record:
    at = 1_700_000_000_000
    return Record("messages.inbound", 3, 7, key.encode(), value, headers or {}, at)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"kind": "text", "text": "¿Abren hoy?"}, 'kind=text "¿Abren hoy?"'),
        ({"outcome": "failed", "reason": "131047"}, "outcome=failed reason=131047"),
        ({"state": "delivered", "error_code": None}, "state=delivered"),
        ({"calls": 3, "cost_micros": 120}, "calls=3 cost_micros=120"),
        ([1], "[1]"),
        ({}, ""),
    ],
)
def test_m5d_an_event_is_put_into_words(value: object, words: str) -> None:
    assert words_of(record(orjson.dumps(value))) == words


def test_m5d_a_webhook_is_put_into_words_message_by_message() -> None:
    messages = [
        {"type": "text", "text": {"body": "hola"}},
        {"type": "interactive", "interactive": {"button_reply": {"id": "1", "title": "Sí"}}},
        {"type": "sticker", "sticker": {"id": "9"}},
        {"type": ["no"], "text": "x"},
    ]
    statuses = [{"status": "failed", "errors": [{"code": 131047}]}]
    value = {"messages": messages, "statuses": statuses}
    webhook = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
    assert words_of(record(orjson.dumps(webhook))) == (
        'text "hola"; interactive "Sí"; sticker; [\'no\']; status=failed 131047'
    )


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_m5d_no_payload_of_whatsapp_is_without_words(path: Path) -> None:
    webhook = orjson.loads(path.read_bytes())["webhook"]
    assert words_of(record(orjson.dumps(webhook)))


@pytest.mark.parametrize("value", [b"\xff\xfe", b"null", b'"x"', b"[" * 5000, None, b""])
def test_m5d_what_is_no_event_has_words_or_none(value: bytes | None) -> None:
    assert isinstance(words_of(record(value)), str)


def test_m14_nothing_of_a_record_steers_the_terminal() -> None:
    text = "a\x1b]0;title\x07b\x9bc\u202ed\r\ne" + "f" * 200
    line = line_of(record(orjson.dumps({"text": text}), key="k\x1b[31m\n9 fake"))
    assert not set(line) & set("\x1b\x07\x9b\u202e\r\n")
    assert len(line) < 180
    assert one_line("a\x9b\n\tb") == "a b"


def test_m14_json_on_the_terminal_is_escaped_and_still_the_same() -> None:
    value = {"k\u202e": "a\x9b\x1b\x7f\u2066 ñ 😀", "n": [1, None]}
    text = json_text(value)
    assert not set(text) & set("\x1b\x9b\x7f\u202e\u2066")
    assert orjson.loads(text) == value
    assert "ñ 😀" in text


@pytest.mark.parametrize("topic", ["__consumer_offsets", "messages.inbound", "x.dlq", ".dlq"])
def test_what_only_services_write_is_not_sent_again(topic: str) -> None:
    with pytest.raises(RequestRefused):
        target_of(topic, billed=True)


@pytest.mark.parametrize("topic", sorted(topic.name for topic in BILLED))
def test_m5e_what_costs_money_is_sent_again_only_when_that_is_said(topic: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        target_of(f"{topic}.dlq", billed=False)
    assert "--billed" in refused.value.errors[0].line()
    assert target_of(f"{topic}.dlq", billed=True) == BY_NAME[topic]


def test_m5e_other_dead_letters_and_webhooks_need_no_such_word() -> None:
    assert target_of("webhooks.quarantine", billed=False) == WEBHOOKS_RAW
    assert target_of("messages.inbound.dlq", billed=False).name == "messages.inbound"


def test_m5f_records_of_over_14_days_are_not_sent_again() -> None:
    oldest = NOW - timedelta(days=14)
    assert oldest_allowed(None, NOW) == oldest
    assert oldest_allowed(NOW - timedelta(hours=1), NOW) == NOW - timedelta(hours=1)
    assert oldest_allowed(oldest - timedelta(seconds=2), NOW) == oldest
    with pytest.raises(RequestRefused):
        oldest_allowed(NOW - timedelta(days=15), NOW)


def test_m5c_a_copy_says_of_which_record_and_replay_it_is() -> None:
    given = {"traceparent": b"t", "dlq-reason": b"poison", REPLAY_ID: b"older"}
    dead = record(b"x", headers=given)
    headers = dict(replay_headers(dead, MARKS))
    assert headers == {
        "traceparent": b"t",
        REPLAYED: b"2026-11-28T12:00:00+00:00 ana@box: after the fix",
        REPLAY_ID: b"id-1",
        REPLAYED_FROM: b"3:7",
    }
    assert origin_of(record(b"x", headers=headers), "id-1") == (3, 7)
    assert origin_of(record(b"x", headers=headers), "id-2") is None
    assert origin_of(record(b"x"), "id-1") is None
