"""A service is killed exactly between two steps of one message's way."""

import signal

import pytest
from tests.support.system import RunningSystem, a_contact
from tests.support.waiting import eventually_async

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
