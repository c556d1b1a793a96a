"""Meta bans an account: the operator sees which clients that is."""

import json
from dataclasses import asdict

import pytest
from tests.support.system import RunningSystem, a_contact
from tests.support.waiting import eventually_async

from devkit.emulators.whatsapp.identities import business_of

MANAGE_CLIENTS = "scripts/manage_clients.py"
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_a_ban_shows_at_the_clients_of_the_account_until_it_ends(
    system: RunningSystem,
) -> None:
    banned, other = await system.add_client(), await system.add_client()
    business = asdict(business_of(banned.client)) | {"waba_id": banned.number}
    await system.chat.post("/control/businesses", business)
    for client in (banned, other):  # from its messages an account's numbers are known
        await system.write_and_wait(client.number, a_contact())

    async def problems() -> list[str]:
        shown = await system.run_script(MANAGE_CLIENTS, "health", str(banned.id), "--json")
        found: list[str] = json.loads(shown)["problems"]
        return found

    async def tell(what: str) -> None:
        await system.chat.post("/control/news", {"phone_number_id": banned.number, "what": what})

    async def is_banned() -> bool:
        return await problems() == ["banned"]

    async def is_well() -> bool:
        return await problems() == []

    await tell("banned")
    await eventually_async(is_banned, "the ban", pause=1.0)
    lines = (await system.run_script(MANAGE_CLIENTS, "list")).splitlines()
    assert [
        any("banned" in line for line in lines if each.number in line) for each in (banned, other)
    ] == [
        True,
        False,
    ]
    await tell("reinstated")
    await eventually_async(is_well, "the end of the ban", pause=1.0)
