"""One client's flood and slow model do not hold up another client's message."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.system import RUN, Known, World, a_contact

from devkit.load.generate import Generator, Sent, client
from devkit.load.plan import LoadPlan
from devkit.load.run import open_doors
from devkit.stack.load import Load, endpoints_of, plan_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
FLOOD = 1000
MODEL_SECONDS = 5.0
GENEROUS = 3.0  # seconds; under 1 on an idle machine
BUSY = 10


@pytest.mark.parametrize("contacts", [10, FLOOD], ids=["ten_contacts", "a_thousand_contacts"])
async def test_a_flood_of_one_client_does_not_delay_another(
    world: World, contacts: int, record_property: "pytest.RecordProperty"
) -> None:
    noisy, quiet, contact = await world.client(), await world.client(), a_contact()
    rule = {"match": {"instructions": noisy.name}, "answer": "Un momento."}
    await world.model("rules", **rule, delay_seconds=MODEL_SECONDS)
    async with flooded(world, noisy, contacts) as sent:
        assert len(sent.acked) == FLOOD
        began = time.monotonic()
        wamid = await world.write(quiet.number, contact)
        await world.chat.reply(quiet.number, contact)
        seconds = time.monotonic() - began
        in_flight = (await calls(world))["in_flight"]
        record_property("seconds", round(seconds, 3))
        assert in_flight >= BUSY, "the flood was still being answered"
        assert seconds < GENEROUS
        assert (await world.tape.outcome(wamid)).outcome == "answered"
