"""One person stays one conversation; the model reads what is quoted, edited and not deleted."""

import time
from typing import Any

import pytest
from tests.support.event_log import wait_until_consumed
from tests.support.system import AddedClient, RunningSystem, a_contact, a_phone

from common.events import OutcomeRecorded
from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import Business, Contact

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def receive(
    system: RunningSystem, client: AddedClient, contact: Contact, message: dict[str, Any]
) -> OutcomeRecorded:
    """What becomes of a message as Meta sends it."""
    business = Business(client.name, client.client.phone_number, client.number)
    await system.post_webhook(payloads.encode(payloads.inbound(business, contact, message)))
    return await system.events.wait_for_outcome(message["id"])


def new_wamid(contact: str, what: str) -> str:
    return f"wamid.identity.{contact}.{what}"


async def test_an_opt_out_outlives_the_first_bsuid_and_a_new_number(system: RunningSystem) -> None:
    client, phone, new_phone = await system.add_client(), a_phone(), a_phone()
    bsuid, new_bsuid = a_contact(), a_contact()
    person, moved = Contact("Ana", phone, bsuid), Contact("Ana", new_phone, new_bsuid)
    stop = payloads.text(person, new_wamid(phone, "stop"), time.time(), "STOP")
    business = Business(client.name, client.client.phone_number, client.number)
    webhook = payloads.inbound(business, person, stop)
    by_phone = payloads.encode(webhook).replace(f'"from_user_id":"{bsuid}",'.encode(), b"")
    await system.post_webhook(by_phone.replace(f'"user_id":"{bsuid}"'.encode(), b'"x":"x"'))
    await system.events.wait_for_outcome(stop["id"])
    hello = payloads.text(person, new_wamid(phone, "hola"), time.time(), "Hola")
    outcome = await receive(system, client, person, hello)
    assert (outcome.outcome, outcome.reason) == ("suppressed", "opted_out")
    assert outcome.contact_id == bsuid
    system_message = {
        "id": new_wamid(phone, "moved"),
        "from": phone,
        "timestamp": str(int(time.time())),
        "type": "system",
        "system": {
            "type": "user_changed_number",
            "body": "Ana changed",
            "wa_id": new_phone,
            "user_id": new_bsuid,
            "previous_user_id": bsuid,
        },
    }
    outcome = await receive(system, client, moved, system_message)
    assert (outcome.outcome, outcome.reason) == ("recorded", "system")
    hello = payloads.text(moved, new_wamid(new_phone, "hola"), time.time(), "Hola")
    outcome = await receive(system, client, moved, hello)
    assert (outcome.outcome, outcome.reason) == ("suppressed", "opted_out")
    assert outcome.contact_id == new_bsuid


async def test_the_model_is_told_which_reply_is_quoted(system: RunningSystem) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.write_and_wait(client.number, contact)
    [sent] = await system.accepted_sends(client.number)
    await wait_until_consumed(system.stack.kafka_admin)
    quoting = await system.write(client.number, contact, "¿y este?", quoted=sent["wamid"])
    await system.events.wait_for_outcome(quoting)
    [first, second] = [str(call) for call in await system.prompts(client.name)]
    assert "[about " not in first
    assert "[about " in second
    assert sent["body"]["text"]["body"][:20] in second


async def test_the_model_reads_what_was_edited_and_not_what_was_deleted(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    person = Contact("Ana", "", contact, phone_visible=False)
    secret = await system.write(client.number, contact, "mi secreto 4711")
    await system.events.wait_for_outcome(secret)
    changed = {
        "original_message_id": secret,
        "message": {"type": "text", "text": {"body": "martes"}},
    }
    wamid = new_wamid(contact, "edit")
    edited = payloads.message(person, wamid, time.time(), "edit", changed)
    assert (await receive(system, client, person, edited)).outcome == "answered"
    for name, deleted in (("revoke", secret), ("revoke.2", wamid)):
        content = {"original_message_id": deleted}
        taken = payloads.message(person, new_wamid(contact, name), time.time(), "revoke", content)
        outcome = await receive(system, client, person, taken)
        assert (outcome.outcome, outcome.reason) == ("recorded", "revoke")
    await system.write_and_wait(client.number, contact, "Hola otra vez")
    calls = [str(call) for call in await system.prompts(client.name)]
    assert ["4711" in call for call in calls] == [True, True, False]
    assert ["[edited] martes" in call for call in calls] == [False, True, False]
