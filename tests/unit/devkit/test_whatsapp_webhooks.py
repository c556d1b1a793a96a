"""Webhooks of the WhatsApp emulator: signed, repeated until 200, with every message's statuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.loopback import serve
from tests.support.waiting import eventually
from tests.support.whatsapp_emulator import (
    BAKERY,
    GARAGE,
    LUCIA,
    MARCOS,
    SECRET,
    TOKEN,
    Receiver,
    Running,
    running,
    signature_of,
)

from devkit.emulators.whatsapp import WhatsAppConfig, create_app
from devkit.emulators.whatsapp.identities import Contact


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def meta(server: Running) -> Running:
    server.fresh().write()
    return server


def test_every_webhook_is_signed_over_its_exact_bytes(meta: Running) -> None:
    meta.write(text="¿Abren mañana? 👍 https://example.com")
    assert meta.receiver.signatures == [signature_of(body) for body in meta.receiver.bodies]


def test_the_body_is_escaped_so_that_a_copy_has_another_signature(meta: Running) -> None:
    meta.write(text="ñandú / 🙂")
    body = meta.receiver.bodies[-1]
    assert body.isascii()
    assert rb"\u00f1and\u00fa \/ \ud83d\ude42" in body
    assert (
        signature_of(json.dumps(json.loads(body), ensure_ascii=False).encode())
        != (meta.receiver.signatures[-1])
    )


def test_a_person_with_a_visible_phone_appears_with_both_ids(meta: Running) -> None:
    message, value = meta.write(), meta.receiver.values()[-1]
    assert (message["from"], message["from_user_id"]) == (LUCIA.wa_id, LUCIA.user_id)
    assert value["contacts"][0]["wa_id"] == LUCIA.wa_id
    assert value["metadata"]["phone_number_id"] == GARAGE.phone_number_id


def test_a_person_without_a_visible_phone_never_shows_it(meta: Running) -> None:
    message = meta.write(contact=MARCOS)
    meta.send(recipient=MARCOS.user_id)
    eventually(lambda: len(meta.receiver.statuses()) == 3)
    assert message["from_user_id"] == MARCOS.user_id
    assert not [body for body in meta.receiver.bodies if MARCOS.wa_id.encode() in body]


def test_statuses_due_together_travel_in_one_post_in_order(meta: Running) -> None:
    posts = len(meta.receiver.bodies)
    wamid = meta.send(biz_opaque_callback_data="v1:1").json()["messages"][0]["id"]
    statuses = eventually(meta.receiver.statuses)
    assert [status["status"] for status in statuses] == ["sent", "delivered", "read"]
    assert {status["id"] for status in statuses} == {wamid}
    assert {status["biz_opaque_callback_data"] for status in statuses} == {"v1:1"}
    assert {status["recipient_user_id"] for status in statuses} == {LUCIA.user_id}
    assert len(meta.receiver.bodies) == posts + 1


def test_a_status_of_a_message_sent_to_a_phone_tells_the_phone(meta: Running) -> None:
    meta.write(contact=MARCOS)
    meta.send(to=f"+{MARCOS.wa_id}")
    assert eventually(meta.receiver.statuses)[0]["recipient_id"] == MARCOS.wa_id


def test_each_status_can_be_left_out(meta: Running) -> None:
    meta.control("settings", delivered_after=None)
    meta.send()
    statuses = eventually(meta.receiver.statuses)
    assert [status["status"] for status in statuses] == ["sent", "read"]


def test_statuses_can_be_switched_off(meta: Running) -> None:
    meta.control("settings", statuses=False)
    meta.send()
    meta.control("settings", statuses=True)
    last = meta.send().json()["messages"][0]["id"]
    eventually(lambda: len(meta.receiver.statuses()) >= 3)
    assert {status["id"] for status in meta.receiver.statuses()} == {last}


def test_a_webhook_is_repeated_until_it_is_answered_200(meta: Running) -> None:
    meta.receiver.answers[:] = [503, 202]
    wamid = meta.write()["id"]
    eventually(lambda: meta.receiver.bodies.count(meta.receiver.bodies[-1]) == 3)
    eventually(lambda: meta.look("state")["webhooks"]["pending"] == 0)
    counts = meta.look("state")["webhooks"]
    assert (counts["status_503"], counts["status_202"], counts["delivered"]) == (1, 1, 2)
    [status] = [one["status"] for one in meta.look("messages") if one["wamid"] == wamid]
    assert status == "delivered"


def test_webhooks_can_be_sent_twice(meta: Running) -> None:
    meta.control("settings", duplicate_webhooks=True)
    wamid = meta.write()["id"]
    eventually(lambda: [one["id"] for one in meta.receiver.messages()].count(wamid) == 2)


@pytest.mark.parametrize(
    ("message", "kind", "content"),
    [
        (
            {"kind": "button", "id": "y", "title": "Sí"},
            "interactive",
            {"type": "button_reply", "button_reply": {"id": "y", "title": "Sí"}},
        ),
        (
            {"kind": "list", "id": "1", "title": "Pan", "description": "Del día"},
            "interactive",
            {
                "type": "list_reply",
                "list_reply": {"id": "1", "title": "Pan", "description": "Del día"},
            },
        ),
        (
            {"kind": "location", "latitude": 41.4, "longitude": 2.2, "name": "Aquí"},
            "location",
            {"latitude": 41.4, "longitude": 2.2, "name": "Aquí"},
        ),
        ({"kind": "reaction", "quoted": "wamid.1", "text": "👍"}, "reaction", None),
        ({"kind": "image", "id": "55", "text": "Mira"}, "image", None),
        ({"kind": "unsupported"}, "unsupported", None),
        (
            {"kind": "contacts", "name": "Ana", "phone": "+34600999888"},
            "contacts",
            [
                {
                    "name": {"formatted_name": "Ana"},
                    "phones": [{"phone": "+34600999888", "type": "CELL"}],
                }
            ],
        ),
        (
            {"kind": "edit", "quoted": "wamid.1", "text": "mejor el martes"},
            "edit",
            {
                "original_message_id": "wamid.1",
                "message": {"type": "text", "text": {"body": "mejor el martes"}},
            },
        ),
        (
            {"kind": "revoke", "quoted": "wamid.1"},
            "revoke",
            {"original_message_id": "wamid.1"},
        ),
    ],
)
def test_every_kind_of_message_can_be_written(
    meta: Running, message: dict[str, Any], kind: str, content: Any
) -> None:
    written = meta.write(**message)
    assert written["type"] == kind
    assert content is None or written[kind] == content


@pytest.mark.parametrize("kind", ["text", "location", "contacts", "image"])
def test_every_kind_can_quote(meta: Running, kind: str) -> None:
    assert meta.write(kind=kind, quoted="wamid.1")["context"] == {"id": "wamid.1"}


def test_an_edit_and_a_deletion_change_the_message_they_are_about(meta: Running) -> None:
    first, second = meta.write(text="el lunes")["id"], meta.write(text="gracias")["id"]
    meta.write(kind="edit", quoted=first, text="mejor el martes")
    meta.write(kind="revoke", quoted=second)
    seen = {one["wamid"]: one for one in meta.look("messages")}
    assert len(seen) == 3  # with the first of all; a change is no message of its own
    assert seen[first]["content"] == {"body": "mejor el martes"}
    assert [seen[first]["edited"], seen[second]["deleted"]] == [True, True]


@pytest.mark.parametrize("contact", [LUCIA, MARCOS], ids=["phone", "bsuid"])
def test_what_the_business_writes_on_its_phone_is_an_echo(meta: Running, contact: Contact) -> None:
    to = {"phone_number_id": GARAGE.phone_number_id, "contact": contact.user_id}
    wamid = meta.control("echo", **to, text="Le atiendo yo")["wamid"]
    [body] = eventually(lambda: [one for one in meta.receiver.bodies if b"_echoes" in one])
    change = json.loads(body)["entry"][0]["changes"][0]
    [echo] = change["value"]["message_echoes"]
    assert change["field"] == "smb_message_echoes"
    assert echo == {
        "from": GARAGE.digits,
        **({"to": contact.wa_id} if contact.phone_visible else {}),
        "to_user_id": contact.user_id,
        "id": wamid,
        "timestamp": echo["timestamp"],
        "type": "text",
        "text": {"body": "Le atiendo yo"},
    }
    [shown] = [one for one in meta.look("messages") if one["echo"]]
    assert (shown["wamid"], shown["direction"]) == (wamid, "outbound")


def test_metas_clock_can_be_moved(meta: Running) -> None:
    now = int(meta.write()["timestamp"])
    meta.control("settings", clock_ahead=-90_000)
    assert int(meta.write()["timestamp"]) == pytest.approx(now - 90_000, abs=600)
    meta.control("settings", clock_ahead=90_000)
    assert meta.send().json()["error"]["code"] == 131047


def test_a_number_that_is_written_to_becomes_known(meta: Running) -> None:
    meta.control("inbound", phone_number_id="4242", contact=LUCIA.user_id, text="hola")
    assert meta.post("4242", TOKEN, {"to": f"+{LUCIA.wa_id}", "text": {"body": "x"}}).is_success


def test_a_business_can_be_added_while_running(meta: Running) -> None:
    meta.control(
        "businesses", name="Flores", phone_number="+34911", phone_number_id="31", token="own"
    )
    meta.control("inbound", phone_number_id="31", contact=LUCIA.user_id, text="hola")
    assert meta.post("31", "own", {"to": f"+{LUCIA.wa_id}", "text": {"body": "x"}}).is_success


def test_raw_bytes_are_delivered_untouched(meta: Running) -> None:
    url, bad = f"{meta.url}/control/webhook", {"X-Hub-Signature-256": "sha256=bad"}
    meta.http.post(url, content=b"{not json")
    eventually(lambda: meta.receiver.bodies[-1] == b"{not json")
    meta.http.post(url, content=b"{}", headers=bad)
    eventually(lambda: meta.receiver.bodies[-1] == b"{}")
    assert meta.receiver.signatures[-2:] == [signature_of(b"{not json"), "sha256=bad"]


def test_messages_of_several_businesses_stay_apart(meta: Running) -> None:
    meta.write(BAKERY, text="pan")
    meta.write(text="ruedas")
    [message] = meta.look(f"messages?phone_number_id={BAKERY.phone_number_id}")
    assert message["content"] == {"body": "pan"}


@pytest.mark.parametrize(("verify_token", "result"), [("right", "verified"), ("other", "refused")])
def test_the_webhook_url_is_verified_at_start(verify_token: str, result: str) -> None:
    with serve(Receiver(verify_token=verify_token).app()) as webhook:
        config = WhatsAppConfig(SECRET, "right", TOKEN, webhook_url=f"{webhook}/webhook")
        with serve(create_app(config)) as url, Running(url, Receiver()).http as http:
            found = eventually(
                lambda: (w := http.get(f"{url}/health").json()["webhook"])[:4] != "wait" and w
            )
    assert found.startswith(result)
