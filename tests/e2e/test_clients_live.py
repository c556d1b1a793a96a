"""Clients and assistants that are added and changed while everything runs."""

import asyncio

import pytest
from tests.support.system import RUN, World, a_client, a_contact

from common.events import OutcomeRecorded
from common.topics import WEBHOOKS_QUARANTINE

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
AT_MOST = 10.0  # seconds until a change is live everywhere


async def test_a_message_to_an_unknown_number_waits_for_its_client(world: World) -> None:
    client, contact = a_client(), a_contact()
    number = client.phone_number_id
    wamid = await world.write(number, contact)
    await world.tape.wait(
        lambda: [one for one in world.tape.of(WEBHOOKS_QUARANTINE) if one.key == number.encode()],
        "the webhook in quarantine",
    )
    await world.know(client)
    await world.admin.add(client)
    assert (await world.tape.outcome(wamid)).outcome == "answered"
    assert client.name in await world.chat.reply(number, contact)
    assert len(await world.accepted(number)) == 1


async def test_a_client_added_on_the_command_line_answers_its_first_message(world: World) -> None:
    client, contact = a_client(), a_contact()
    number = client.phone_number_id
    await world.know(client)
    script = ("scripts/manage_clients.py", "add")
    said = await world.run(*script, client.name, client.phone_number, number, client.assistant_id)
    assert "Live now." in said
    assert (await world.say(number, contact)).outcome == "answered"
    assert client.name in await world.chat.reply(number, contact)
    assert client.name in await world.run("scripts/manage_clients.py", "list")


async def test_a_deactivated_client_falls_silent_until_it_is_activated(world: World) -> None:
    client, contact = await world.client(), a_contact()
    await world.say(client.number, contact)
    await world.run("scripts/manage_clients.py", "deactivate", str(client.id))
    silent = await until_outcome(world, client.number, contact, "suppressed")
    assert silent.reason == "inactive"
    said = await world.chat.replies(client.number, contact)
    await world.say(client.number, contact)
    assert await world.chat.replies(client.number, contact) == said
    await world.run("scripts/manage_clients.py", "activate", str(client.id))
    answered = await until_outcome(world, client.number, contact, "answered")
    assert not world.tape.replies_to(silent.wamid), "what was suppressed is not answered later"
    assert world.tape.replies_to(answered.wamid)


async def until_outcome(world: World, number: str, contact: str, wanted: str) -> OutcomeRecorded:
    """Writes again and again until a message ends like this."""
    async with asyncio.timeout(AT_MOST):
        while (outcome := await world.say(number, contact)).outcome != wanted:
            pass
    return outcome


async def test_a_new_version_of_an_assistant_speaks_at_once(world: World) -> None:
    client, contact = await world.client(), a_contact()
    body = {
        "name": client.name,
        "instructions": f"{client.client.instructions}\n\nHorario: de 7:15 a 9:45.",
    }
    question = "¿Qué horario tienen?"
    await world.say(client.number, contact, question)
    assert "7:15" not in await world.chat.reply(client.number, contact)
    await world.admin.call("POST", f"/v1/assistants/{client.client.assistant_id}/versions", body)
    async with asyncio.timeout(AT_MOST):
        while "7:15" not in (await world.chat.replies(client.number, contact))[-1]:
            await world.say(client.number, contact, question)


async def test_a_number_has_one_client(world: World) -> None:
    client = await world.client()
    again = a_client()
    body = {
        "name": again.name,
        "phone_number": again.phone_number,
        "phone_number_id": client.number,
        "assistant_id": f"asst_second_{RUN}",
    }
    with pytest.raises(RuntimeError, match=f"already belongs to client {client.id}"):
        await world.admin.call("POST", "/v1/clients", body)
