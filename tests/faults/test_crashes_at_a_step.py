"""A service is killed exactly between two steps of one message's way."""

import signal

import pytest
from tests.support.system import RunningSystem, a_contact
from tests.support.waiting import eventually_async, until

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
STATUS_SECONDS = 4.0  # time to kill the sender before Meta's status settles the send


async def test_the_assistant_dies_while_the_model_thinks_and_another_life_answers_once(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(), a_contact()
    rule = {"match": {"instructions": client.name}, "answer": "Ya está."}
    await system.control_model("rules", **rule, delay_seconds=2.0)
    wamid = await system.write(client.number, contact)
    await eventually_async(lambda: in_hand(system))
    await killed(system, "assistant")
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"
    assert await system.chat.replies(client.number, contact) == ["Ya está."]
    assert len(await system.prompts(client.name)) == 2, "asked again; only the cost is double"


async def test_the_sender_dies_after_meta_took_a_message_and_does_not_repeat_it(
    system: RunningSystem,
) -> None:
    late = {"sent_after": STATUS_SECONDS, "delivered_after": STATUS_SECONDS + 0.2}
    await system.chat.post("/control/settings", late | {"read_after": STATUS_SECONDS + 0.4})
    client, contact = await system.add_client(), a_contact()
    hang = {"phase": "after_accept", "action": {"hang": 60.0}}
    await system.chat.post(
        "/control/faults", hang | {"match": {"phone_number_id": client.number}, "times": 1}
    )
    wamid = await system.write(client.number, contact)
    await eventually_async(lambda: system.accepted_sends(client.number))
    await killed(system, "sender")
    outcome = await system.events.wait_for_outcome(wamid)
    assert outcome.outcome == "answered"
    await system.events.eventually(
        lambda: [
            one for one in system.events.delivery_changes(outcome.reply_id) if one.state == "read"
        ],
        "blue ticks",
    )
    assert "unknown" in {one.state for one in system.events.delivery_changes(outcome.reply_id)}
    assert len(await system.accepted_sends(client.number)) == 1


async def in_hand(system: RunningSystem) -> int:
    return (await system.model_calls())["in_flight"]


async def killed(system: RunningSystem, service: str) -> None:
    """By SIGKILL, and ready again in another life."""
    before = system.stack.children.restarts(service)
    system.stack.children.kill(service, signal.SIGKILL)
    await until(lambda: system.stack.children.restarts(service) > before)
    await system.wait_ready(service)
