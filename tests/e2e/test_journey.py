"""What becomes of one message, seen from outside and in every topic."""

from typing import Any

import aiohttp
import pytest
from tests.support.system import World, a_contact, a_phone
from tests.support.tape import holds

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


async def test_one_trace_leads_through_every_hop_to_the_blue_ticks(world: World) -> None:
    client, contact = await world.client(), a_contact()
    wamid = await world.write(client.number, contact)
    outcome = await world.tape.outcome(wamid)
    await world.tape.wait(
        lambda: [one for one in world.tape.states(outcome.reply_id) if one.state == "read"],
        "the reply's delivery to be read",
    )
    trace = outcome.trace_id
    for topic in (
        WEBHOOKS_RAW,
        MESSAGES_INBOUND,
        REPLIES_OUTBOUND,
        DELIVERIES_EVENTS,
        MESSAGES_OUTCOME,
    ):
        records = world.tape.of(topic)
        assert any(trace_id_of(record.headers) == trace for record in records), topic.name
    raw = [record for record in world.tape.of(WEBHOOKS_RAW) if holds(record, wamid)]
    # Meta's side sends a webhook again when its 200 is late: each copy has a trace of its own.
    assert trace in [trace_id_of(record.headers) for record in raw]
    (reply,) = world.tape.replies_to(wamid)
    states = world.tape.states(reply.reply_id)
    assert [one.state for one in states] == ["accepted", "sent", "delivered", "read"]
    assert {one.trace_id for one in (reply, *states)} == {trace}
    assert outcome.outcome == "answered"
    assert client.name in await world.chat.reply(client.number, contact)


@pytest.mark.parametrize(
    "written",
    [
        {"kind": "text", "text": "Hola"},
        {"kind": "button", "id": "hours", "title": "Horario"},
        {"kind": "list", "id": "7", "title": "Mesa para dos", "description": "Terraza"},
        {"kind": "location", "name": "Puerta del Sol", "address": "Madrid"},
    ],
    ids=lambda written: written["kind"],
)
async def test_what_a_contact_can_say_is_answered(world: World, written: dict[str, Any]) -> None:
    client, contact = await world.client(), a_contact()
    wamid = await world.write(client.number, contact, **{"text": ""} | written)
    assert (await world.tape.outcome(wamid)).outcome == "answered"
    received = world.tape.events(MESSAGES_INBOUND, MessageReceived)
    assert [event.kind for event in received if event.wamid == wamid] == [written["kind"]]
    assert len(await world.chat.replies(client.number, contact)) == 1


@pytest.mark.parametrize("kind", ["image", "audio", "reaction", "unsupported"])
async def test_what_nobody_answers_is_recorded_with_its_kind(world: World, kind: str) -> None:
    client, contact = await world.client(), a_contact()
    wamid = await world.write(client.number, contact, "", kind=kind, quoted="wamid.of.nothing")
    outcome = await world.tape.outcome(wamid)
    assert (outcome.outcome, outcome.reason) == ("recorded", kind)
    assert (await world.say(client.number, contact)).outcome == "answered"
    assert len(await world.chat.replies(client.number, contact)) == 1, "only the text is answered"


async def test_messages_within_the_quiet_window_get_one_answer(world: World) -> None:
    client, contact = await world.client(quiet_window_ms=2500), a_contact()
    wamids = [await world.write(client.number, contact, text) for text in ("Hola", "una", "duda")]
    outcomes = [await world.tape.outcome(wamid) for wamid in wamids]
    assert [outcome.outcome for outcome in outcomes] == ["answered"] * 3
    (reply,) = world.tape.replies_to(wamids[0])
    assert set(reply.answers) == set(wamids)
    assert len(await world.accepted(client.number)) == 1


async def test_a_contact_is_answered_by_user_id_or_by_phone(world: World) -> None:
    client = await world.client()
    unseen, phone = a_contact(), a_phone()
    await world.say(client.number, unseen)
    await world.say(client.number, phone)
    first, second = [entry["body"] for entry in await world.accepted(client.number)]
    assert (first.get("recipient"), first.get("to")) == (unseen, None)
    assert second["to"].lstrip("+") == phone


async def test_a_model_that_refuses_leads_to_the_fallback_text(world: World) -> None:
    client, contact = await world.client(fallback_text="Le llamamos enseguida."), a_contact()
    fault = {"kind": "status", "status": 401, "match": {"instructions": client.name}}
    await world.model("faults", **fault)
    assert (await world.say(client.number, contact)).outcome == "answered"
    assert await world.chat.replies(client.number, contact) == ["Le llamamos enseguida."]
    assert [call["status"] for call in await world.prompts(client.name)] == [401]


async def test_metas_handshake_is_answered_with_the_challenge(world: World) -> None:
    token = world.system.secrets["WHATSAPP_VERIFY_TOKEN"]
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    async with world.http.get(world.system.webhook_url, params=query) as response:
        assert (response.status, await response.text()) == (200, "1158201444")
    query["hub.verify_token"] = "guessed"
    async with world.http.get(world.system.webhook_url, params=query) as response:
        assert response.status == 403


async def test_a_forged_webhook_is_refused_and_leaves_nothing(world: World) -> None:
    client, contact = await world.client(), a_contact()
    forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64, "Content-Type": "application/json"}
    body = f'{{"object":"whatsapp_business_account","forged":"{contact}"}}'.encode()
    async with world.http.post(world.system.webhook_url, data=body, headers=forged) as response:
        assert response.status == 401
    with pytest.raises(aiohttp.ClientResponseError, match="401"):
        await world.http.post(world.system.webhook_url, data=body, raise_for_status=True)
    await world.say(client.number, contact)
    assert not any(b"forged" in (record.value or b"") for record in world.tape.of(WEBHOOKS_RAW))


async def test_contacts_can_stop_the_assistant_and_ask_for_a_person(world: World) -> None:
    client, contact = await world.client(handoff_words=["persona"]), a_contact()
    ends = [
        await world.say(client.number, contact, text)
        for text in ("BAJA", "Hola", "ALTA", "Hola", "Persona", "Hola")
    ]
    assert [(end.outcome, end.reason) for end in ends] == [
        ("answered", None),
        ("suppressed", "opted_out"),
        ("answered", None),
        ("answered", None),
        ("answered", None),
        ("handed_over", "taken_over"),
    ]
    assert len(await world.accepted(client.number)) == 4
