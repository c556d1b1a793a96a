"""What becomes of one message, seen from outside and in every topic."""

from typing import Any

import aiohttp
import pytest
from tests.support.event_log import holds_text
from tests.support.system import RunningSystem, a_contact, a_phone

from common.events import MessageReceived
from common.service.tracing import trace_id_of
from common.topics import (
    DELIVERIES_EVENTS,
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    REPLIES_OUTBOUND,
    WEBHOOKS_RAW,
)

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_one_trace_leads_through_every_hop_to_the_blue_ticks(system: RunningSystem) -> None:
    client, contact = await system.add_client(), a_contact()
    wamid = await system.write(client.number, contact)
    outcome = await system.events.wait_for_outcome(wamid)
    await system.events.wait_until_read(outcome.reply_id)
    trace = outcome.trace_id
    for topic in (
        WEBHOOKS_RAW,
        MESSAGES_INBOUND,
        REPLIES_OUTBOUND,
        DELIVERIES_EVENTS,
        MESSAGES_OUTCOME,
    ):
        records = system.events.records(topic)
        assert any(trace_id_of(record.headers) == trace for record in records), topic.name
    raw = [record for record in system.events.records(WEBHOOKS_RAW) if holds_text(record, wamid)]
    # Meta's side sends a webhook again when its 200 is late: each copy has a trace of its own.
    assert trace in [trace_id_of(record.headers) for record in raw]
    (reply,) = system.events.replies_to(wamid)
    changes = system.events.delivery_changes(reply.reply_id)
    assert [change.state for change in changes] == ["accepted", "sent", "delivered", "read"]
    assert {event.trace_id for event in (reply, *changes)} == {trace}
    assert outcome.outcome == "answered"
    told, answer = (await system.chat.reply(client.number, contact)).split("\n\n", 1)
    assert "inteligencia artificial" in told
    assert client.name in answer


@pytest.mark.parametrize(
    "written",
    [
        {"kind": "text", "text": "Hola"},
        {"kind": "button", "id": "hours", "title": "Horario"},
        {"kind": "list", "id": "7", "title": "Mesa para dos", "description": "Terraza"},
        {"kind": "location", "name": "Puerta del Sol", "address": "Madrid"},
        {"kind": "image", "text": "¿Cuánto cuesta esto?"},
        {"kind": "audio"},
    ],
    ids=lambda written: written["kind"],
)
async def test_what_a_contact_can_say_is_answered(
    system: RunningSystem, written: dict[str, Any]
) -> None:
    client, contact = await system.add_client(), a_contact()
    wamid = await system.write(client.number, contact, **{"text": ""} | written)
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"
    received = system.events.decoded(MESSAGES_INBOUND, MessageReceived)
    [event] = [event for event in received if event.wamid == wamid]
    assert written["kind"] in (event.kind, event.what)
    assert len(await system.chat.replies(client.number, contact)) == 1


@pytest.mark.parametrize("kind", ["sticker", "reaction", "unsupported"])
async def test_what_is_not_answered_is_recorded_with_its_kind(
    system: RunningSystem, kind: str
) -> None:
    client, contact = await system.add_client(), a_contact()
    wamid = await system.write(client.number, contact, "", kind=kind, quoted="wamid.of.nothing")
    outcome = await system.events.wait_for_outcome(wamid)
    assert (outcome.outcome, outcome.reason) == ("recorded", kind)
    assert (await system.write_and_wait(client.number, contact)).outcome == "answered"
    assert len(await system.chat.replies(client.number, contact)) == 1, "only the text is answered"


async def test_messages_within_the_quiet_window_get_one_answer(system: RunningSystem) -> None:
    client, contact = await system.add_client(quiet_window_ms=2500), a_contact()
    wamids = [await system.write(client.number, contact, text) for text in ("Hola", "una", "duda")]
    outcomes = [await system.events.wait_for_outcome(wamid) for wamid in wamids]
    assert [outcome.outcome for outcome in outcomes] == ["answered"] * 3
    (reply,) = system.events.replies_to(wamids[0])
    assert set(reply.answers) == set(wamids)
    assert len(await system.accepted_sends(client.number)) == 1


async def test_a_contact_is_answered_by_user_id_or_by_phone(system: RunningSystem) -> None:
    client = await system.add_client()
    unseen, phone = a_contact(), a_phone()
    await system.write_and_wait(client.number, unseen)
    await system.write_and_wait(client.number, phone)
    first, second = [entry["body"] for entry in await system.accepted_sends(client.number)]
    assert (first.get("recipient"), first.get("to")) == (unseen, None)
    assert second["to"].lstrip("+") == phone


async def test_a_model_that_refuses_leads_to_the_fallback_text(system: RunningSystem) -> None:
    client, contact = await system.add_client(fallback_text="Le llamamos enseguida."), a_contact()
    fault = {"kind": "status", "status": 400, "match": {"instructions": client.name}}
    await system.control_model("faults", **fault)
    outcome = await system.write_and_wait(client.number, contact)
    assert (outcome.outcome, outcome.reason) == ("failed", "http_400")
    assert await system.chat.replies(client.number, contact) == ["Le llamamos enseguida."]
    assert [call["status"] for call in await system.prompts(client.name)] == [400]


async def test_metas_handshake_is_answered_with_the_challenge(system: RunningSystem) -> None:
    token = system.stack.secrets["WHATSAPP_VERIFY_TOKEN"]
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    async with system.http.get(system.stack.webhook_url, params=query) as response:
        assert (response.status, await response.text()) == (200, "1158201444")
    query["hub.verify_token"] = "guessed"
    async with system.http.get(system.stack.webhook_url, params=query) as response:
        assert response.status == 403


async def test_a_forged_webhook_is_refused_and_leaves_nothing(system: RunningSystem) -> None:
    client, contact = await system.add_client(), a_contact()
    forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "Content-Type": "application/json"}
    body = f'{{"object":"whatsapp_business_account","forged":"{contact}"}}'.encode()
    async with system.http.post(system.stack.webhook_url, data=body, headers=forged) as response:
        assert response.status == 401
    with pytest.raises(aiohttp.ClientResponseError, match="401"):
        await system.http.post(system.stack.webhook_url, data=body, raise_for_status=True)
    await system.write_and_wait(client.number, contact)
    stored = system.events.records(WEBHOOKS_RAW)
    assert not any(b"forged" in (record.value or b"") for record in stored)


async def test_contacts_can_stop_the_assistant_and_ask_for_a_person(system: RunningSystem) -> None:
    client, contact = await system.add_client(handoff_words=["persona"]), a_contact()
    ends = [
        await system.write_and_wait(client.number, contact, text)
        for text in ("BAJA", "Hola", "ALTA", "Hola", "Persona")
    ]
    assert [(end.outcome, end.reason) for end in ends] == [
        ("answered", None),
        ("suppressed", "opted_out"),
        ("answered", None),
        ("answered", None),
        ("handed_over", "contact"),
    ]
    assert len(await system.accepted_sends(client.number)) == 4
