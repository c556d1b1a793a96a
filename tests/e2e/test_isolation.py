"""Two clients that share a contact share nothing else."""

import pytest
from tests.support.system import DEFAULT_KEY, OWN_KEY, World, a_contact

from common.events import MessageReceived
from common.topics import MESSAGES_INBOUND

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
OWN_TOKEN = "EAAG-token-of-one-client"


async def test_a_contact_of_two_clients_never_links_them(world: World) -> None:
    one, other, contact = await world.client(), await world.client(), a_contact()
    secrets = {one.number: "Quiero el menú secreto", other.number: "Me duele una muela"}
    for _ in range(2):
        for number, text in secrets.items():
            assert (await world.say(number, contact, text)).outcome == "answered"
    for mine, foreign in ((one, other), (other, one)):
        answers = "\n".join(await world.chat.replies(mine.number, contact))
        assert foreign.name not in answers
        prompts = await world.prompts(mine.name)
        assert len(prompts) == 2
        for prompt in prompts:
            told = str(prompt["body"])
            assert secrets[mine.number] in told
            assert secrets[foreign.number] not in told
            assert foreign.name not in told
    events = [
        event
        for event in world.tape.events(MESSAGES_INBOUND, MessageReceived)
        if event.contact_id == contact
    ]
    assert {(event.phone_number_id, event.tenant_id) for event in events} == {
        (one.number, one.id),
        (other.number, other.id),
    }


async def test_a_clients_own_token_and_key_serve_it_alone(world: World) -> None:
    own, default, contact = await world.client(token=OWN_TOKEN), await world.client(), a_contact()
    for field, value in (("access_token", OWN_TOKEN), ("openai_api_key", OWN_KEY)):
        await world.admin.call("PUT", f"/v1/clients/{own.id}/secrets/{field}", {"value": value})
    for client in (own, default):
        assert (await world.say(client.number, contact)).outcome == "answered"
    usual = world.system.secrets["WHATSAPP_ACCESS_TOKEN"]
    for client, token, key in ((own, OWN_TOKEN, OWN_KEY), (default, usual, DEFAULT_KEY)):
        assert {entry["token"] for entry in await world.accepted(client.number)} == {token}
        prompts = await world.prompts(client.name)
        assert {prompt["headers"]["authorization"] for prompt in prompts} == {f"Bearer {key}"}


async def test_no_record_holds_a_clients_secret_in_the_clear(world: World) -> None:
    client = await world.client(token=OWN_TOKEN)
    path = f"/v1/clients/{client.id}/secrets"
    await world.admin.call("PUT", f"{path}/access_token", {"value": OWN_TOKEN})
    assert (await world.say(client.number, a_contact())).outcome == "answered"
    values = [record.value or b"" for record in world.tape.everything()]
    assert values
    assert not any(OWN_TOKEN.encode() in value for value in values)
