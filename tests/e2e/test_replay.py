"""Webhooks sent again by an operator, and by Meta."""

import re

import pytest
from tests.support.event_log import holds_text, wait_until_consumed
from tests.support.system import RunningSystem, a_contact

from common.topics import WEBHOOKS_RAW
from devkit.loadtest import run_load
from devkit.loadtest.options import LoadOptions, plan_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
REPLAY = "scripts/replay.py"


async def test_webhooks_replayed_by_an_operator_are_not_answered_again(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(), a_contact()
    wamids = [await system.write(client.number, contact, f"pregunta {n}") for n in range(3)]
    for wamid in wamids:
        await system.events.wait_for_outcome(wamid)
    reply_id = system.events.replies_to(wamids[-1])[0].reply_id
    await system.events.wait_until_read(reply_id)
    answers = len(await system.accepted_sends(client.number))
    conversation = ("--conversation", f"{client.number}:{contact}")
    listed = await system.run_script(REPLAY, "list", "webhooks.raw", *conversation)
    sent = await system.run_script(REPLAY, "send", "webhooks.raw", *conversation, "--reason", "e2e")
    count = re.search(r"^(\d+) of \1 records sent to webhooks.raw$", sent, re.MULTILINE)
    assert count, sent
    assert listed.endswith(f"\n{count[1]} records of webhooks.raw\n")
    assert int(count[1]) >= len(wamids), "and what the statuses said"
    await wait_until_consumed(system.stack.kafka_admin)
    await system.write_and_wait(client.number, contact, "¿y ahora?")
    assert len(await system.accepted_sends(client.number)) == answers + 1
    for wamid in wamids:
        assert len(system.events.replies_to(wamid)) == 1
        assert len({event.event_id for event in system.events.outcomes(wamid)}) == 1


async def test_a_record_can_be_looked_at(system: RunningSystem) -> None:
    client, contact = await system.add_client(), a_contact()
    wamid = await system.write(client.number, contact, "¿me ven?")
    await system.events.wait_for_outcome(wamid)
    raw = system.events.records(WEBHOOKS_RAW)
    record = next(each for each in raw if holds_text(each, wamid))  # of the copies
    shown = await system.run_script(
        REPLAY, "show", "webhooks.raw", str(record.partition), str(record.offset)
    )
    assert wamid in shown
    assert "traceparent" in shown


async def test_webhooks_that_meta_delivers_twice_are_answered_once_in_order(
    system: RunningSystem,
) -> None:
    clients = [(await system.add_client()).client for _ in range(3)]
    load = LoadOptions(clients=3, contacts=5, messages=4, rate=30, duplicates=2)
    installation = system.stack.installation
    report = await run_load(plan_of(installation, load, clients), installation.endpoints)
    assert report.ok, report.as_json_line()
    assert report.sent.posts >= 2 * report.result.accepted
    assert report.result.outcomes == {"answered": 60}
