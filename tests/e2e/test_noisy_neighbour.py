"""One client's flood and slow model do not hold up another client's message."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.support.system import Known, World, a_contact

from devkit.loadtest.generate import Generator, Sent, client
from devkit.loadtest.options import LoadOptions, plan_of
from devkit.loadtest.run import prepare_emulator

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
FLOOD = 1000
MODEL_SECONDS = 5.0
GENEROUS = 3.0  # seconds; well under 1 on an idle machine
BUSY = 10  # calls of the model in hand: the flood is not over


@pytest.mark.parametrize("contacts", [10, FLOOD], ids=["ten_contacts", "a_thousand_contacts"])
async def test_a_flood_of_one_client_does_not_delay_another(
    world: World, contacts: int, record_property: Callable[[str, object], None]
) -> None:
    noisy, quiet, contact = await world.client(), await world.client(), a_contact()
    rule = {"match": {"instructions": noisy.name}, "answer": "Un momento."}
    await world.model("rules", **rule, delay_seconds=MODEL_SECONDS)
    async with flooded(world, noisy, contacts) as sent:
        began = time.monotonic()
        wamid = await world.write(quiet.number, contact)
        await world.chat.reply(quiet.number, contact)
        seconds = time.monotonic() - began
        record_property("answered_after_seconds", round(seconds, 3))
        print(f"answered after {seconds:.3f} s beside {contacts} contacts' {FLOOD} messages")  # noqa: T201
        assert (await world.calls())["in_flight"] >= BUSY
        assert seconds < GENEROUS
        ends = await world.tape.outcomes_of(flood.wamid for flood in sent.acked)
        assert ends == {"answered": FLOOD}
    assert (await world.tape.outcome(wamid)).outcome == "answered"


@asynccontextmanager
async def flooded(world: World, noisy: Known, contacts: int) -> AsyncIterator[Sent]:
    """With all of the flood accepted, and none of Meta's limits on what is sent."""
    wanted = LoadOptions(1, contacts, FLOOD // contacts, rate=1000, duplicates=1)
    installation = world.system.installation
    plan, endpoints = plan_of(installation, wanted, [noisy.client]), installation.endpoints
    async with client(plan.connections) as session, prepare_emulator(session, plan, endpoints):
        sent = await Generator(session, plan, endpoints).run()
        assert len(sent.acked) == FLOOD
        yield sent
