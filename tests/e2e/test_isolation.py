"""Two clients that share a contact share nothing else."""

import pytest
from tests.support.system import DEFAULT_KEY, OWN_KEY, RunningSystem, a_contact, keys_of, tokens_of

from common.events import MessageReceived
from common.topics import MESSAGES_INBOUND

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
OWN_TOKEN = "EAAG-token-of-one-client"


async def test_a_contact_of_two_clients_never_links_them(system: RunningSystem) -> None:
    one, other, contact = await system.add_client(), await system.add_client(), a_contact()
    secrets = {one.number: "Quiero el menú secreto", other.number: "Me duele una muela"}
    for _ in range(2):
        for number, text in secrets.items():
            assert (await system.write_and_wait(number, contact, text)).outcome == "answered"
    for mine, foreign in ((one, other), (other, one)):
        answers = "\n".join(await system.chat.replies(mine.number, contact))
        assert foreign.name not in answers
        prompts = await system.prompts(mine.name)
        assert len(prompts) == 2
        for prompt in prompts:
            body = str(prompt["body"])
            assert secrets[mine.number] in body
            assert secrets[foreign.number] not in body
            assert foreign.name not in body
    events = [
        event
        for event in system.events.decoded(MESSAGES_INBOUND, MessageReceived)
        if event.contact_id == contact
    ]
    assert {(event.phone_number_id, event.tenant_id) for event in events} == {
        (one.number, one.id),
        (other.number, other.id),
    }


async def test_a_clients_own_token_and_key_serve_it_alone(system: RunningSystem) -> None:
    own, default = await system.add_client(token=OWN_TOKEN), await system.add_client()
    await system.give_secrets(own, OWN_TOKEN, OWN_KEY)
    before, contact = len(await system.prompts(own.name)), a_contact()
    for client in (own, default):
        assert (await system.write_and_wait(client.number, contact)).outcome == "answered"
    usual = system.stack.secrets["WHATSAPP_ACCESS_TOKEN"]
    assert tokens_of(await system.accepted_sends(own.number)) == {OWN_TOKEN}
    assert tokens_of(await system.accepted_sends(default.number)) == {usual}
    assert keys_of((await system.prompts(own.name))[before:]) == {OWN_KEY}
    assert keys_of(await system.prompts(default.name)) == {DEFAULT_KEY}


async def test_no_record_holds_a_clients_secret_in_the_clear(system: RunningSystem) -> None:
    client = await system.add_client(token=OWN_TOKEN)
    await system.give_secrets(client, OWN_TOKEN)
    assert (await system.write_and_wait(client.number, a_contact())).outcome == "answered"
    values = [record.value or b"" for record in system.events.all_records()]
    assert values
    assert not any(OWN_TOKEN.encode() in value for value in values)
