"""News of accounts and numbers: where they go, once, whatever else is in the webhook."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY
from tests.support.router import ACCOUNT, NUMBER, a_client, a_record, a_router, plain

from common.topics import ACCOUNTS_EVENTS, WEBHOOKS_QUARANTINE
from router.account_fields import READERS
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.webhook_items import News

CASES = Path(__file__).parents[2] / "contract" / "payloads"
OTHER = "106540352242999"


def webhook(case: str) -> Any:
    return orjson.loads((CASES / f"{case}.json").read_bytes())["webhook"]


def body(*cases: str) -> bytes:
    return orjson.dumps({"entry": [entry for case in cases for entry in webhook(case)["entry"]]})


def topics(*cases: str, number: str | None) -> list[str]:
    routed = a_router().router.route(a_record(body(*cases), number=number))
    return [outgoing.topic.name for outgoing in routed.records]


@pytest.mark.parametrize("field", READERS)
@pytest.mark.parametrize("value", [None, [], "x", 7, {}, {"event": {}}, {"alert_info": []}])
def test_a_value_of_any_shape_is_still_news_of_the_field(field: str, value: Any) -> None:
    assert all(isinstance(news, News) and news.what for news in READERS[field](value))
    assert READERS[field](value)


@pytest.mark.parametrize("field", READERS)
def test_every_field_has_a_payload_case(field: str) -> None:
    assert any(f'"field": "{field}"' in path.read_text() for path in CASES.glob("*.json"))


def test_the_record_of_the_first_number_stands_for_the_account_and_others_do_not() -> None:
    setup = a_router(a_client(), a_client(number=OTHER, tenant_id=8))
    two = body("account_banned", "batch_of_two_numbers")
    made = {
        number: [
            outgoing.topic
            for outgoing in setup.router.route(a_record(two, number=number)).records
            if outgoing.topic is ACCOUNTS_EVENTS
        ]
        for number in (NUMBER, OTHER)
    }
    assert sorted(map(len, made.values())) == [0, 1]


def test_beside_an_unknown_number_the_news_are_routed_and_its_own_part_waits() -> None:
    record = a_record(body("account_banned", "text").replace(NUMBER.encode(), b"555"), number="555")
    routed = [plain(outgoing) for outgoing in a_router().router.route(record).records]
    assert [(each["topic"], each.get("reason")) for each in routed] == [
        ("webhooks.quarantine", "unknown_number"),
        ("accounts.events", None),
    ]


def test_an_unknown_field_beside_an_unknown_number_does_not_hide_that_it_is_to_be_released() -> (
    None
):
    both = body("account_field_not_known", "text").replace(NUMBER.encode(), b"555")
    (outgoing,) = a_router().router.route(a_record(both, number="555")).records
    assert dict(outgoing.headers)["reason"] == b"unknown_number"


def test_a_repeat_goes_no_further_unless_it_is_replayed() -> None:
    setup, record = a_router(), a_record(body("account_banned"), number=None)
    first = setup.router.route(record)
    setup.recent.add(first.keys)
    # The webhook's own time is what counts.
    later = a_record(body("account_banned"), number=None, received_at=b"1795700000000")
    assert setup.router.route(later).records == []
    again = setup.router.route(a_record(body("account_banned"), number=None, replayed=b"x"))
    assert [plain(outgoing) for outgoing in again.records] == [
        plain(outgoing) for outgoing in first.records
    ]


def test_the_same_news_at_another_time_are_others() -> None:
    setup = a_router()
    setup.recent.add(setup.router.route(a_record(body("number_flagged"), number=None)).keys)
    moved = body("number_flagged").replace(b"1795600000", b"1795600009")
    assert len(setup.router.route(a_record(moved, number=None)).records) == 1


def test_nothing_of_it_is_set_aside_for_its_missing_number() -> None:
    assert topics("account_banned", "template_rejected", number=None) == ["accounts.events"] * 2
    assert topics("account_field_not_known", number=None) == [WEBHOOKS_QUARANTINE.name]


def test_the_account_of_a_number_is_told_once_and_when_it_changes() -> None:
    setup = a_router()
    setup.account_of_numbers.clear()

    def told(bytes_: bytes) -> list[Any]:
        routed = [plain(each) for each in setup.router.route(a_record(bytes_)).records]
        return [
            (each["key"], each["tenant_id"], each["phone_number_id"], each["waba_id"])
            for each in routed
            if each.get("what") == "number"
        ]

    moved = body("text").replace(ACCOUNT.encode(), b"99")
    assert [told(body("text")), told(body("status_read")), told(moved), told(moved)] == [
        [(NUMBER, 7, NUMBER, ACCOUNT)],
        [],
        [(NUMBER, 7, NUMBER, "99")],
        [],
    ]


def test_who_asked_and_what_a_template_says_stay_out() -> None:
    for case, secret in [("security", b"61555822107539"), ("template_components", b"Hola")]:
        (outgoing,) = a_router().router.route(a_record(body(case), number=None)).records
        assert secret in body(case)
        assert secret not in (outgoing.value or b"")


def test_news_are_counted_by_what_they_are() -> None:
    labels = {"what": "banned", "level": "critical"}

    def counted() -> float:
        return REGISTRY.get_sample_value("conserje_account_news_total", labels) or 0.0

    before = counted()
    processor = RecordProcessor(a_router().router.route, RecentlyRouted(9))
    record = a_record(body("account_banned"), number=None)
    assert [len(processor.process(record)) for _ in range(2)] == [1, 1]
    assert counted() == before + 2
