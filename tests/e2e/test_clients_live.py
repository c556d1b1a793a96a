"""Clients and assistants that are added and changed while everything runs."""

import asyncio

import pytest
from tests.support.system import RUN, RunningSystem, a_contact, a_demo_client

from common.events import OutcomeRecorded
from common.topics import WEBHOOKS_QUARANTINE

MANAGE_CLIENTS = "scripts/manage_clients.py"
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
CHANGE_SECONDS = 60.0  # until a change is live everywhere; well under 1 on an idle machine


def answer_in(reply: str) -> str:
    """A first reply without what it begins with: that an AI answers, which names the client."""
    return reply.split("\n\n", 1)[1]


async def test_a_message_to_an_unknown_number_waits_for_its_client(system: RunningSystem) -> None:
    client, contact = a_demo_client(), a_contact()
    number = client.phone_number_id
    wamid = await system.write(number, contact)
    await system.events.eventually(
        lambda: number.encode() in {one.key for one in system.events.records(WEBHOOKS_QUARANTINE)},
        "the webhook in quarantine",
    )
    await system.register_number(client)
    await system.admin.add(client)
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"
    assert client.name in answer_in(await system.chat.reply(number, contact))
    assert len(await system.accepted_sends(number)) == 1


async def test_a_client_added_on_the_command_line_answers_its_first_message(
    system: RunningSystem,
) -> None:
    client, contact = a_demo_client(), a_contact()
    number = client.phone_number_id
    await system.register_number(client)
    fields = (client.name, client.phone_number, number, client.assistant_id)
    assert "Live now." in await system.run_script(MANAGE_CLIENTS, "add", *fields)
    assert (await system.write_and_wait(number, contact)).outcome == "answered"
    assert client.name in answer_in(await system.chat.reply(number, contact))
    assert client.name in await system.run_script(MANAGE_CLIENTS, "list")


async def test_a_deactivated_client_falls_silent_until_it_is_activated(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(), a_contact()
    await system.write_and_wait(client.number, contact)
    await system.run_script(MANAGE_CLIENTS, "deactivate", str(client.id))
    silent = await write_until(system, client.number, contact, "suppressed")
    assert silent.reason == "inactive"
    replies = await system.chat.replies(client.number, contact)
    await system.write_and_wait(client.number, contact)
    assert await system.chat.replies(client.number, contact) == replies
    await system.run_script(MANAGE_CLIENTS, "activate", str(client.id))
    answered = await write_until(system, client.number, contact, "answered")
    assert not system.events.replies_to(silent.wamid), "what was suppressed is not answered later"
    assert system.events.replies_to(answered.wamid)


async def write_until(
    system: RunningSystem, number: str, contact: str, expected: str
) -> OutcomeRecorded:
    """Writes again and again until a message ends like this."""
    async with asyncio.timeout(CHANGE_SECONDS):
        while (outcome := await system.write_and_wait(number, contact)).outcome != expected:
            pass
    return outcome


async def test_a_new_version_of_an_assistant_speaks_at_once(system: RunningSystem) -> None:
    client, contact = await system.add_client(), a_contact()
    body = {
        "name": client.name,
        "instructions": f"{client.client.instructions}\n\nHorario: de 7:15 a 9:45.",
    }
    question = "¿Qué horario tienen?"
    await system.write_and_wait(client.number, contact, question)
    assert "7:15" not in await system.chat.reply(client.number, contact)
    await system.admin.call("POST", f"/v1/assistants/{client.client.assistant_id}/versions", body)
    async with asyncio.timeout(CHANGE_SECONDS):
        while "7:15" not in (await system.chat.replies(client.number, contact))[-1]:
            await system.write_and_wait(client.number, contact, question)


async def test_a_number_has_one_client(system: RunningSystem) -> None:
    client = await system.add_client()
    again = a_demo_client()
    body = {
        "name": again.name,
        "phone_number": again.phone_number,
        "phone_number_id": client.number,
        "assistant_id": f"asst_second_{RUN}",
    }
    with pytest.raises(RuntimeError, match=f"already belongs to client {client.id}"):
        await system.admin.call("POST", "/v1/clients", body)
