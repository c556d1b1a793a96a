from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.support.router import NOW, NUMBER, a_client, a_record, a_router, plain

from common.kafka.record import Record

CASES = Path(__file__).parents[2] / "contract" / "payloads"
OTHER = "106540352242999"


def body(case: str = "text") -> bytes:
    return orjson.dumps(orjson.loads((CASES / f"{case}.json").read_bytes())["webhook"])


def records(record: Record, *clients: Any) -> list[dict[str, Any]]:
    return [plain(outgoing) for outgoing in a_router(*clients).router.route(record).records]


def test_an_unknown_number_is_set_aside_with_its_bytes_and_headers() -> None:
    record = a_record(body(), number="555", released=b"1")
    (outgoing,) = a_router().router.route(record).records
    assert plain(outgoing) == {
        "topic": "webhooks.quarantine",
        "key": "555",
        "reason": "unknown_number",
    }
    assert outgoing.value == record.value
    assert dict(outgoing.headers) == record.headers | {"reason": b"unknown_number"}


def test_an_old_reason_does_not_stay() -> None:
    (outgoing,) = a_router().router.route(a_record(body(), number="555", reason=b"old")).records
    assert [value for name, value in outgoing.headers if name == "reason"] == [b"unknown_number"]


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[" * 2000, b'{"a": NaN}', b"{"])
def test_what_is_no_json_is_set_aside(value: bytes | None) -> None:
    assert [outgoing["reason"] for outgoing in records(a_record(value))] == ["unreadable"]


def test_a_body_without_a_number_is_set_aside_under_the_empty_key() -> None:
    routed = records(a_record(b'{"entry":[]}', number=None))
    assert routed == [{"topic": "webhooks.quarantine", "key": "", "reason": "no_phone_number"}]


def test_a_body_whose_numbers_were_too_many_is_set_aside_as_such() -> None:
    routed = records(a_record(body(), number=None))
    assert routed == [{"topic": "webhooks.quarantine", "key": "", "reason": "too_many_numbers"}]


def test_json_that_is_no_webhook_gives_nothing() -> None:
    assert records(a_record(b"[1, null]")) == []


@pytest.mark.parametrize(
    ("case", "topic", "reason"),
    [
        ("text", "messages.outcome", "inactive"),
        ("image", "messages.outcome", "inactive"),
        ("sticker", "messages.outcome", "sticker"),
        ("status_read", "messages.status", None),
    ],
)
def test_an_inactive_client_gets_no_answer_but_its_statuses(
    case: str, topic: str, reason: str | None
) -> None:
    (outgoing,) = records(a_record(body(case)), a_client(active=False))
    assert (outgoing["topic"], outgoing.get("reason")) == (topic, reason)


def test_a_deactivated_client_is_seen_by_the_next_record() -> None:
    setup = a_router()
    setup.clients[NUMBER] = a_client(active=False)
    (outgoing,) = setup.router.route(a_record(body())).records
    assert plain(outgoing)["outcome"] == "suppressed"


def test_each_number_of_a_body_gets_its_own_part_and_its_own_tenant() -> None:
    clients = a_client(), a_client(number=OTHER, tenant_id=8)
    ours = records(a_record(body("batch_of_two_numbers")), *clients)
    others = records(a_record(body("batch_of_two_numbers"), number=OTHER), *clients)
    assert [(outgoing["wamid"], outgoing["tenant_id"]) for outgoing in ours] == [
        ("wamid.text.1", 7)
    ]
    assert [(outgoing["wamid"], outgoing["tenant_id"]) for outgoing in others] == [
        ("wamid.text.9", 8)
    ]


def test_a_remembered_message_goes_no_further_and_a_forgotten_one_is_the_same_event() -> None:
    setup, record = a_router(), a_record(body())
    first, again = setup.router.route(record), setup.router.route(record)
    setup.recent.add(first.keys)
    assert [plain(outgoing) for outgoing in first.records] == [
        plain(outgoing) for outgoing in again.records
    ]
    assert setup.router.route(record).records == []


def test_a_replay_passes_whatever_is_remembered_as_the_same_event() -> None:
    """What it causes is known downstream; an operator who sends it again wants it to get there."""
    setup, record = a_router(), a_record(body())
    first = setup.router.route(record)
    setup.recent.add(first.keys)
    again = setup.router.route(a_record(body(), replayed=b"now me: after the fix"))
    assert [plain(outgoing) for outgoing in again.records] == [
        plain(outgoing) for outgoing in first.records
    ]


def test_two_statuses_of_one_message_are_two_facts() -> None:
    setup = a_router()
    setup.recent.add(setup.router.route(a_record(body("status_sent"))).keys)
    assert len(setup.router.route(a_record(body("status_read"))).records) == 1
    assert setup.router.route(a_record(body("status_sent"))).records == []


def test_the_same_wamid_of_two_numbers_is_two_messages() -> None:
    setup = a_router(a_client(), a_client(number=OTHER, tenant_id=8))
    setup.recent.add(setup.router.route(a_record(body())).keys)
    moved = a_record(body().replace(NUMBER.encode(), OTHER.encode()), number=OTHER)
    assert len(setup.router.route(moved).records) == 1


def test_events_carry_when_ingress_had_the_webhook() -> None:
    (outgoing,) = records(a_record(body(), received_at=b"1795600005250"))
    assert outgoing["received_at"] == outgoing["occurred_at"] == "2026-11-25T09:46:45.250000Z"
    assert outgoing["sent_at"] == "2026-11-25T09:46:40Z"


@pytest.mark.parametrize("header", [b"", b"yesterday", b"9" * 40])
def test_an_unusable_time_of_receipt_is_replaced(header: bytes) -> None:
    (outgoing,) = records(a_record(body(), received_at=header))
    assert outgoing["received_at"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("days", "topic"), [(7, "messages.inbound"), (9, "messages.outcome")])
def test_a_message_older_than_metas_repeats_is_not_answered(days: int, topic: str) -> None:
    sent = int((NOW - timedelta(days=days)).timestamp())
    webhook = orjson.loads(body())
    webhook["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = str(sent)
    (outgoing,) = records(a_record(orjson.dumps(webhook)))
    assert outgoing["topic"] == topic


def test_a_huge_text_fits_a_record() -> None:
    webhook = orjson.loads(body())
    webhook["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] = (
        "x" + "\x01" * 3_000_000
    )
    (outgoing,) = a_router().router.route(a_record(orjson.dumps(webhook))).records
    assert len(plain(outgoing)["text"]) == 65_536
    assert outgoing.value is not None
    assert len(outgoing.value) < outgoing.topic.max_message_bytes


def test_half_an_emoji_keeps_no_other_message_of_the_webhook_from_its_answer() -> None:
    whole = body().decode()
    name = whole.replace('"name":"', '"name":"\\ud83d', 1)
    assert name != whole
    event = plain(a_router().router.route(a_record(name.encode())).records[0])
    assert event["topic"] == "messages.inbound"
    assert event["contact_name"].startswith("\ufffd")
