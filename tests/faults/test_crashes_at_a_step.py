"""A service is killed exactly between two steps of one message's way."""

import asyncio
import signal
import sys

import aiohttp
import pytest
from tests.support.system import AddedClient, RunningSystem, a_contact
from tests.support.waiting import eventually_async

from common.service.crash_points import CrashPoint
from devkit.stack.child import Child

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]


async def test_the_assistant_dies_while_the_model_thinks_and_another_life_answers_once(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    match = {"instructions": client.name}
    await system.control_model("rules", match=match, answer="Ya está.")
    await system.control_model("faults", match=match, kind="hang")
    wamid = await system.write(client.number, contact)
    await eventually_async(lambda: system.prompts(client.name), "the model to be asked")
    await kill(system, "assistant")
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"
    assert await system.chat.replies(client.number, contact) == ["Ya está."]
    assert len(await system.prompts(client.name)) == 2, "asked again; only the cost is double"


async def test_the_sender_dies_after_meta_took_a_message_and_does_not_repeat_it(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.add_graph_fault(client, "after_accept", hang=60.0)
    await system.add_graph_fault(client, "status", drop=True)
    wamid = await system.write(client.number, contact)
    await eventually_async(lambda: system.accepted_sends(client.number), "the send")
    await kill(system, "sender")
    await system.events.eventually(
        lambda: "unknown" in system.events.states_after(wamid), "the doubt of another life"
    )
    await system.report_read(client, contact)
    outcome = await system.events.wait_for_outcome(wamid)
    assert outcome.outcome == "answered"
    await system.events.wait_until_read(outcome.reply_id)
    assert len(await system.accepted_sends(client.number)) == 1


async def kill(system: RunningSystem, service: str) -> None:
    """By SIGKILL; returns when it is ready again in another life."""
    before = system.stack.children.restarts(service)
    system.stack.children.kill(service, signal.SIGKILL)
    await system.wait_restarted(service, before)


# The points that each message reaches, in its order.
POINTS: dict[str, tuple[CrashPoint, ...]] = {
    "ingress": ("webhook.verified", "webhook.stored"),
    "router": ("webhook.routed", "webhook.delivered"),
    "assistant": (
        "consumer.stored",
        "work.claimed",
        "work.handled",
        "outbox.stored",
        "outbox.published",
    ),
    "sender": (
        "consumer.stored",
        "work.claimed",
        "work.handled",
        "outbox.stored",
        "outbox.published",
    ),
}
CRASH_SECONDS = 120.0
CONTACTS = 5  # each time; a send in doubt waits 90 s, so all ends are awaited at once


@pytest.mark.parametrize("service", POINTS)
async def test_a_crash_at_each_step_loses_nothing_and_repeats_nothing(
    system: RunningSystem, service: str
) -> None:
    client = await system.add_client(disclosure_text="")
    contacts, wamids = [], []
    try:
        for point in POINTS[service]:
            await start_again(system, service, CRASH_AT=point)
            fresh = [a_contact() for _ in range(CONTACTS)]
            wamids += [await system.write(client.number, contact) for contact in fresh]
            contacts += fresh
            await wait_for_crash(system, service, point)
    finally:
        await start_again(system, service)
    assert await system.events.wait_for_outcomes(wamids) == {"answered": len(wamids)}
    assert await recipients_of(system, client) == sorted(contacts), "one message to each"


async def test_a_change_whose_process_ends_before_its_commit_never_was(
    system: RunningSystem,
) -> None:
    client = await system.add_client()
    before = await system.admin.call("GET", f"/v1/clients/{client.id}")
    await start_again(system, "tenant-admin", CRASH_AT="change.recorded")
    await system.wait_ready("tenant-admin")
    with pytest.raises(aiohttp.ClientError):
        await system.admin.call("PATCH", f"/v1/clients/{client.id}", {"name": "Otro nombre"})
    await wait_for_crash(system, "tenant-admin", "change.recorded")
    await start_again(system, "tenant-admin")
    assert await system.admin.call("GET", f"/v1/clients/{client.id}") == before


async def start_again(system: RunningSystem, service: str, **environment: str) -> None:
    """In a life of its own. Where it is to crash nobody starts it again, and it may end before it
    is ready: earlier work may wait for it."""
    await system.stack.children.stop(service)
    argv = [sys.executable, "-m", f"{service.replace('-', '_')}.main"]
    env = {**system.stack.environment(service), **environment}
    await system.stack.children.start(Child(service, argv, env, restart=not environment))
    if not environment:
        await system.wait_ready(service)


async def wait_for_crash(system: RunningSystem, service: str, point: CrashPoint) -> None:
    code = await asyncio.wait_for(system.stack.children.wait(service), CRASH_SECONDS)
    assert code == -signal.SIGKILL, f"{service} at {point}"


async def recipients_of(system: RunningSystem, client: AddedClient) -> list[str]:
    """To whom Meta took a message of the client, once for each message."""
    sends = await system.accepted_sends(client.number)
    return sorted(send["body"]["recipient"] for send in sends)
