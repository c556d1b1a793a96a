"""Many contacts at once on a key with a small limit: they wait, and all are answered."""

import asyncio

import pytest
from tests.support.system import LIMITED_KEY, RunningSystem, a_contact

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
CONTACTS, A_MINUTE = 60, 60
TOKEN = "EAAG-of-the-limited-client"


async def test_sixty_contacts_on_a_key_of_sixty_a_minute_get_their_answers(
    system: RunningSystem,
) -> None:
    client = await system.add_client(TOKEN)
    await system.give_secrets(client, TOKEN, LIMITED_KEY)
    await system.limit_key(LIMITED_KEY, A_MINUTE)
    wamids = await asyncio.gather(
        *(system.write(client.number, a_contact(), f"pregunta {n}") for n in range(CONTACTS))
    )
    assert await system.events.wait_for_outcomes(wamids) == {"answered": CONTACTS}
