"""Webhooks sent again by an operator, and by Meta."""

import re

import pytest
from tests.support.system import World, a_contact
from tests.support.tape import consumed, holds

from common.topics import WEBHOOKS_RAW
from devkit.loadtest import run_load
from devkit.loadtest.options import LoadOptions, plan_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
REPLAY = "scripts/replay.py"


async def test_webhooks_replayed_by_an_operator_are_not_answered_again(world: World) -> None:
    client, contact = await world.client(), a_contact()
    wamids = [await world.write(client.number, contact, f"pregunta {n}") for n in range(3)]
    for wamid in wamids:
        await world.tape.outcome(wamid)
    reply_id = world.tape.replies_to(wamids[-1])[0].reply_id
    await world.tape.wait(
        lambda: [one for one in world.tape.states(reply_id) if one.state == "read"], "the last tick"
    )
    answers = len(await world.accepted(client.number))
    conversation = ("--conversation", f"{client.number}:{contact}")
    listed = await world.run(REPLAY, "list", "webhooks.raw", *conversation)
    sent = await world.run(REPLAY, "send", "webhooks.raw", *conversation, "--reason", "e2e")
    count = re.fullmatch(r"(\d+) of \1 records sent to webhooks.raw\n", sent)
    assert count, sent
    assert listed.endswith(f"\n{count[1]} records of webhooks.raw\n")
    assert int(count[1]) >= len(wamids), "and what the statuses said"
    await consumed(world.system.bootstrap)
    await world.say(client.number, contact, "¿y ahora?")
    assert len(await world.accepted(client.number)) == answers + 1
    for wamid in wamids:
        assert len(world.tape.replies_to(wamid)) == 1
        assert len({event.event_id for event in world.tape.outcomes(wamid)}) == 1


async def test_a_record_can_be_looked_at(world: World) -> None:
    client, contact = await world.client(), a_contact()
    wamid = await world.write(client.number, contact, "¿me ven?")
    await world.tape.outcome(wamid)
    (record,) = [one for one in world.tape.of(WEBHOOKS_RAW) if holds(one, wamid)]
    shown = await world.run(
        REPLAY, "show", "webhooks.raw", str(record.partition), str(record.offset)
    )
    assert wamid in shown
    assert "traceparent" in shown


async def test_webhooks_that_meta_delivers_twice_are_answered_once_in_order(world: World) -> None:
    clients = [(await world.client()).client for _ in range(3)]
    wanted = LoadOptions(clients=3, contacts=5, messages=4, rate=30, duplicates=2)
    installation = world.system.installation
    report = await run_load(plan_of(installation, wanted, clients), installation.endpoints)
    assert report.ok, report.as_json_line()
    assert report.sent.posts >= 2 * report.result.accepted
    assert report.result.outcomes == {"answered": 60}
