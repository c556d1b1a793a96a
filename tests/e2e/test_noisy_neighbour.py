"""One client's flood and slow model do not hold up another client's message."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.support.system import AddedClient, RunningSystem, a_contact

from devkit.loadtest.generate import Generator, Sent, client
from devkit.loadtest.options import LoadOptions, plan_of
from devkit.loadtest.run import prepare_emulator

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
FLOOD = 1000
MODEL_SECONDS = 5.0
GENEROUS = 10.0  # seconds; under 1 on an idle machine, 25 for who waits behind the whole flood
SLOWER = 5.0  # times what an answer takes without a flood, where the machine is busy anyway
BUSY = 10  # calls of the model not answered: the flood is not over


@pytest.mark.parametrize("contacts", [10, FLOOD], ids=["ten_contacts", "a_thousand_contacts"])
async def test_a_flood_of_one_client_does_not_delay_another(
    system: RunningSystem, contacts: int, record_property: Callable[[str, object], None]
) -> None:
    noisy, quiet, contact = await system.add_client(), await system.add_client(), a_contact()
    rule = {"match": {"instructions": noisy.name}, "answer": "Un momento."}
    await system.control_model("rules", **rule, delay_seconds=MODEL_SECONDS)
    await system.write_and_wait(quiet.number, a_contact())  # now every service knows the client
    calm_seconds, _ = await answered_in(system, quiet, a_contact())
    async with flooded(system, noisy, contacts) as sent:
        seconds, wamid = await answered_in(system, quiet, contact)
        record_property("answered_after_seconds", round(seconds, 3))
        print(f"answered after {seconds:.3f} s beside {contacts} contacts' {FLOOD} messages")  # noqa: T201
        assert (await system.model_calls())["in_flight"] >= BUSY
        assert seconds < max(GENEROUS, SLOWER * calm_seconds)
        ends = await system.events.wait_for_outcomes(flood.wamid for flood in sent.acked)
        assert ends == {"answered": FLOOD}
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"


async def answered_in(
    system: RunningSystem, client: AddedClient, contact: str
) -> tuple[float, str]:
    """Seconds until the contact has the answer, and its message's wamid."""
    began = time.monotonic()
    wamid = await system.write(client.number, contact)
    await system.chat.reply(client.number, contact)
    return time.monotonic() - began, wamid


@asynccontextmanager
async def flooded(system: RunningSystem, noisy: AddedClient, contacts: int) -> AsyncIterator[Sent]:
    """With all of the flood accepted."""
    load = LoadOptions(1, contacts, FLOOD // contacts, rate=1000, duplicates=1)
    installation = system.stack.installation
    plan, endpoints = plan_of(installation, load, [noisy.client]), installation.endpoints
    async with client(plan.connections) as session, prepare_emulator(session, plan, endpoints):
        sent = await Generator(session, plan, endpoints).run()
        assert len(sent.acked) == FLOOD
        yield sent
