"""Faults on order: what the sender sees, what was taken all the same, and the counters."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.waiting import eventually
from tests.support.whatsapp_emulator import BAKERY, LUCIA, Running, running

from devkit.emulators.whatsapp.errors import TITLES


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def meta(server: Running) -> Running:
    server.fresh().write()
    return server


def order(meta: Running, phase: str, action: dict[str, Any], **rule: Any) -> None:
    meta.control("faults", phase=phase, action=action, **rule)


def fired(meta: Running) -> int:
    return sum(rule["fired"] for rule in meta.look("faults"))


@pytest.mark.parametrize(
    ("phase", "action", "status", "taken"),
    [
        ("before_accept", {"error": 131056}, 400, 0),
        ("before_accept", {"error": 131016}, 503, 0),
        ("before_accept", {"status": 502}, 502, 0),
        ("after_accept", {"status": 504}, 504, 1),
        ("after_accept", {"error": 131000}, 500, 1),
        ("after_accept", {"hang": 0.05}, 200, 1),
    ],
)
def test_a_fault_changes_the_answer_and_maybe_what_was_taken(
    meta: Running, phase: str, action: dict[str, Any], status: int, taken: int
) -> None:
    order(meta, phase, action)
    assert meta.send().status_code == status
    assert len(meta.look("asked/accepted")) == taken
    assert fired(meta) == 1


@pytest.mark.parametrize(
    ("phase", "action", "taken"),
    [
        ("before_accept", {"drop": True}, 0),
        ("before_accept", {"hang": 0.05}, 0),
        ("after_accept", {"drop": True}, 1),
    ],
)
def test_a_dropped_connection_gives_no_answer_at_all(
    meta: Running, phase: str, action: dict[str, Any], taken: int
) -> None:
    order(meta, phase, action)
    with pytest.raises(httpx.TransportError):
        meta.send()
    assert len(meta.look("asked/accepted")) == taken
    assert meta.send().is_success


@pytest.mark.parametrize("code", TITLES)
def test_every_code_of_meta_can_be_ordered(meta: Running, code: int) -> None:
    order(meta, "before_accept", {"error": code, "subcode": 33})
    error = meta.send().json()["error"]
    assert (error["code"], error["error_subcode"]) == (code, 33)


def test_a_rule_hits_only_what_it_matches(meta: Running) -> None:
    match = {"contact": LUCIA.wa_id, "text": "boom", "nth": 2}
    order(meta, "before_accept", {"status": 500}, match=match, times=1)
    texts = ["boom", "hola", "boom", "boom"]
    answers = [meta.send(text={"body": text}).status_code for text in texts]
    assert answers == [200, 200, 500, 200]


def test_a_rule_of_another_number_does_not_fire(meta: Running) -> None:
    match = {"phone_number_id": BAKERY.phone_number_id}
    order(meta, "before_accept", {"drop": True}, match=match, times=None)
    assert meta.send().is_success
    assert fired(meta) == 0


def test_a_message_can_fail_afterwards(meta: Running) -> None:
    order(meta, "status", {"error": 131026})
    assert meta.send(biz_opaque_callback_data="tag").is_success
    [failed] = eventually(meta.receiver.statuses)
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131026)
    assert failed["recipient_id"] == LUCIA.wa_id
    assert {"recipient_user_id", "biz_opaque_callback_data"}.isdisjoint(failed)
    assert all("contacts" not in value for value in meta.receiver.values() if "statuses" in value)


def test_statuses_can_be_swallowed(meta: Running) -> None:
    order(meta, "status", {"drop": True})
    meta.send(biz_opaque_callback_data="silent")
    meta.send(biz_opaque_callback_data="told")
    told = eventually(lambda: len(meta.receiver.statuses()) == 3 and meta.receiver.statuses())
    assert {status["biz_opaque_callback_data"] for status in told} == {"told"}


def test_a_status_can_come_before_the_answer(meta: Running) -> None:
    order(meta, "after_accept", {"hang": 0.5})
    with pytest.raises(httpx.ReadTimeout):
        meta.http.request(
            "POST",
            f"{meta.graph}/100000000000002/messages",
            json={
                "messaging_product": "whatsapp",
                "to": f"+{LUCIA.wa_id}",
                "text": {"body": "x"},
                "biz_opaque_callback_data": "early",
            },
            headers={"Authorization": "Bearer token-of-all-numbers"},
            timeout=0.3,
        )
    assert eventually(meta.receiver.statuses)[0]["biz_opaque_callback_data"] == "early"


def test_latency_delays_every_answer(meta: Running) -> None:
    meta.control("settings", latency=0.2)
    assert meta.send().elapsed.total_seconds() >= 0.2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"phase": "whenever", "action": {}}),
        ("settings", {"latency": "slow"}),
        ("settings", {"no_such_knob": 1}),
        ("inbound", {"phone_number_id": "1", "contact": "2", "kind": "poll"}),
    ],
)
def test_a_wrong_order_is_refused(meta: Running, path: str, body: dict[str, Any]) -> None:
    assert meta.http.post(f"{meta.url}/control/{path}", json=body).status_code == 422
