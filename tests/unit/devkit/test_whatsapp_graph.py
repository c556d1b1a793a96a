"""The Graph API side of the WhatsApp emulator, over real HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.support.whatsapp_emulator import BAKERY, GARAGE, LUCIA, MARCOS, TOKEN, Running, running

from devkit.emulators.whatsapp import Business

HELLO = {"name": "hello", "language": {"code": "es"}}


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server(clock: Clock) -> Iterator[Running]:
    with running(clock=clock) as emulator:
        yield emulator


@pytest.fixture
def meta(server: Running) -> Running:
    server.fresh().write()
    return server


def code(response: httpx.Response) -> int:
    assert response.is_error, response.text
    return int(response.json()["error"]["code"])


def interactive(**fields: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"body": {"text": "¿Qué desea?"}} | fields}


def buttons(*titles: str) -> dict[str, Any]:
    replies = [
        {"type": "reply", "reply": {"id": str(i), "title": title}} for i, title in enumerate(titles)
    ]
    return interactive(type="button", action={"buttons": replies})


def rows(count: int) -> dict[str, Any]:
    section = {"rows": [{"id": str(i), "title": f"Fila {i}"} for i in range(count)]}
    return interactive(type="list", action={"button": "Ver", "sections": [section]})


def test_an_accepted_message_is_answered_as_meta_does(meta: Running) -> None:
    answer = meta.send().json()
    wamid = answer["messages"][0]["id"]
    assert wamid.startswith("wamid.")
    assert answer == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": f"+{LUCIA.wa_id}", "wa_id": LUCIA.wa_id}],
        "messages": [{"id": wamid}],
    }


def test_a_message_to_a_bsuid_is_answered_without_a_phone(meta: Running) -> None:
    meta.write(contact=MARCOS)
    answer = meta.send(recipient=MARCOS.user_id)
    assert answer.json()["contacts"] == [{"input": MARCOS.user_id, "user_id": MARCOS.user_id}]


def test_what_was_accepted_is_logged_with_token_and_body(meta: Running) -> None:
    wamid = meta.send(biz_opaque_callback_data="v1:abc").json()["messages"][0]["id"]
    [logged] = meta.look("asked/accepted")
    assert (logged["wamid"], logged["token"]) == (wamid, TOKEN)
    assert logged["body"]["biz_opaque_callback_data"] == "v1:abc"
    assert meta.look("asked/accepted?since=1") == []


@pytest.mark.parametrize(
    ("business", "token", "accepted"),
    [
        (BAKERY, "token-of-bakery", True),
        (BAKERY, TOKEN, False),
        (GARAGE, TOKEN, True),
        (GARAGE, "token-of-bakery", False),
        (GARAGE, "wrong", False),
    ],
)
def test_a_token_is_valid_for_its_number_only(
    meta: Running, business: Business, token: str, accepted: bool
) -> None:
    meta.write(business)
    answer = meta.send(business, token)
    assert answer.is_success is accepted
    assert accepted or (answer.status_code, code(answer)) == (401, 190)


def test_a_number_that_does_not_exist_is_an_unknown_object(meta: Running) -> None:
    error = meta.post("999", TOKEN, {"to": "+34600111222", "text": {"body": "x"}}).json()["error"]
    assert (error["code"], error["error_subcode"], error["type"]) == (
        100,
        33,
        "GraphMethodException",
    )


def test_without_a_plus_the_country_code_of_the_business_is_prepended(meta: Running) -> None:
    assert code(meta.send(to=LUCIA.wa_id)) == 131026
    assert meta.send(to=LUCIA.wa_id.removeprefix("34")).is_success


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"text": {"body": "x" * 4097}}, 100),
        ({"text": {"body": ""}}, 131008),
        ({"text": {"body": "x", "boddy": "y"}}, 100),
        ({"type": "poll"}, 100),
        ({"type": ["text"]}, 100),
        ({"to": "no phone"}, 131009),
        ({"to": "+34911000002"}, 131021),
        ({"recipient": "not-a-bsuid"}, 131009),
        ({"recipient": "ES.1"}, 131026),
        ({"recipient_type": "group"}, 131009),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        ({"context": {}}, 131008),
        ({"messaging_product": "telegram"}, 100),
        (buttons("1", "2", "3", "4"), 131009),
        (buttons("same", "same"), 131009),
        (buttons("x" * 21), 100),
        (rows(11), 131009),
        (interactive(type="button", action={}), 131008),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
        ({"type": "location", "location": {"latitude": 1}}, 131008),
        ({"type": "reaction", "reaction": {"message_id": "wamid.1"}}, 131008),
        ({"type": "image", "image": {"caption": "x"}}, 131008),
    ],
)
def test_a_wrong_message_is_refused(meta: Running, body: dict[str, Any], expected: int) -> None:
    assert code(meta.send(**body)) == expected
    assert meta.look("asked/accepted") == []
    assert [refused["code"] for refused in meta.look("asked/refused")] == [expected]


@pytest.mark.parametrize(
    "body",
    [
        {"text": {"body": "x" * 4096, "preview_url": False}},
        buttons("Sí", "No", "Quizá"),
        rows(10),
        {"type": "location", "location": {"latitude": "40.4", "longitude": "-3.7"}},
        {"type": "reaction", "reaction": {"message_id": "wamid.1", "emoji": ""}},
    ],
)
def test_every_right_kind_of_message_is_accepted(meta: Running, body: dict[str, Any]) -> None:
    assert meta.send(**body).is_success


def test_a_path_without_a_version_is_unknown(meta: Running) -> None:
    answer = meta.http.post(f"{meta.url}/graph/{GARAGE.phone_number_id}/messages", json={})
    assert code(answer) == 2500


def test_a_page_of_another_site_cannot_use_the_control_api(meta: Running) -> None:
    url, there = f"{meta.url}/control/reset", {"Origin": "https://example.com"}
    assert meta.http.post(url, headers=there).status_code == 403
    assert meta.http.post(url, headers={"Origin": meta.url}).status_code == 200


def test_a_body_that_is_not_json_is_refused(meta: Running) -> None:
    url, headers = f"{meta.graph}/{GARAGE.phone_number_id}/messages", {"Authorization": "Bearer x"}
    assert code(meta.http.post(url, content=b"{", headers=headers)) == 190
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert code(meta.http.post(url, content=b"{", headers=headers)) == 100


def test_a_day_after_the_last_message_only_templates_pass(meta: Running, clock: Clock) -> None:
    clock.now += 24 * 3600 + 1
    assert code(meta.send()) == 131047
    assert code(meta.send(type="template", template=HELLO)) == 132001
    assert meta.control("templates", name="hello", language="es", body="¡Hola!")
    assert meta.send(type="template", template=HELLO).is_success
    assert meta.look("messages")[-1]["content"]["text"] == "¡Hola!"


def test_after_a_burst_the_pair_limit_asks_for_six_seconds_per_message(
    meta: Running, clock: Clock
) -> None:
    assert all(meta.send().is_success for _ in range(45))
    assert code(meta.send()) == 131056
    clock.now += 45 * 6 - 1
    assert code(meta.send()) == 131056
    clock.now += 1
    assert meta.send().is_success


def test_the_pair_limit_of_one_person_does_not_touch_another(meta: Running) -> None:
    meta.write(contact=MARCOS)
    while meta.send().is_success:
        pass
    assert meta.send(recipient=MARCOS.user_id).is_success


def test_throughput_counts_both_directions(meta: Running, clock: Clock) -> None:
    clock.now += 10
    for n in range(40):
        meta.control(
            "inbound", phone_number_id=GARAGE.phone_number_id, contact=f"3460000{n:04}", text="x"
        )
    sent = [meta.send(to=f"+3460000{n:04}") for n in range(40)]
    assert all(answer.is_success for answer in sent)
    assert code(meta.send()) == 130429


def test_limits_can_be_switched_off(meta: Running) -> None:
    meta.control("settings", limits=False)
    assert all(meta.send().is_success for _ in range(100))


def test_without_strictness_strangers_are_made_known(meta: Running) -> None:
    meta.control("settings", strict=False)
    assert meta.post("777", TOKEN, {"to": "+34699", "text": {"body": "x"}}).is_success
    answer = meta.post("777", TOKEN, {"recipient": "ES.55", "text": {"body": "x"}})
    assert answer.json()["contacts"] == [{"input": "ES.55", "user_id": "ES.55"}]


def test_a_mark_reads_this_message_and_those_before(meta: Running, clock: Clock) -> None:
    clock.now += 1
    second, third = meta.write(), meta.write(at=clock.now + 1)
    body = {"status": "read", "message_id": second["id"], "typing_indicator": {"type": "text"}}
    assert meta.post(GARAGE.phone_number_id, TOKEN, body).json() == {"success": True}
    status = {one["wamid"]: one["status"] for one in meta.look("messages")}
    assert list(status.values())[:2] == ["read", "read"]
    assert status[third["id"]] != "read"
    assert len(meta.look("asked/marks")) == 1
    assert meta.look("asked/accepted") == []


def test_a_message_of_another_number_cannot_be_marked(meta: Running) -> None:
    other = meta.write(BAKERY)
    body = {"status": "read", "message_id": other["id"]}
    assert code(meta.post(GARAGE.phone_number_id, TOKEN, body)) == 131009


def test_reset_forgets_conversations_and_keeps_numbers(meta: Running) -> None:
    meta.send()
    meta.control("reset")
    assert meta.look("messages") == meta.look("asked/accepted") == []
    assert code(meta.send()) == 131047
    known = {business["phone_number_id"] for business in meta.look("state")["businesses"]}
    assert {BAKERY.phone_number_id, GARAGE.phone_number_id} <= known
