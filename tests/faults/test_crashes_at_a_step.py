"""A service is killed exactly between two steps of one message's way."""

import signal

import pytest
from tests.support.system import World, a_contact, eventually
from tests.support.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="session")]
STATUS_SECONDS = 4.0  # time to kill the sender before Meta's status settles the send


async def test_the_assistant_dies_while_the_model_thinks_and_another_life_answers_once(
    world: World,
) -> None:
    client, contact = await world.client(), a_contact()
    rule = {"match": {"instructions": client.name}, "answer": "Ya está."}
    await world.model("rules", **rule, delay_seconds=2.0)
    wamid = await world.write(client.number, contact)
    await eventually(lambda: in_hand(world))
    await killed(world, "assistant")
    assert (await world.tape.outcome(wamid)).outcome == "answered"
    assert await world.chat.replies(client.number, contact) == ["Ya está."]
    assert len(await world.prompts(client.name)) == 2, "asked again; only the cost is double"


async def test_the_sender_dies_after_meta_took_a_message_and_does_not_repeat_it(
    world: World,
) -> None:
    late = {"sent_after": STATUS_SECONDS, "delivered_after": STATUS_SECONDS + 0.2}
    await world.chat.post("/control/settings", late | {"read_after": STATUS_SECONDS + 0.4})
    client, contact = await world.client(), a_contact()
    hang = {"phase": "after_accept", "action": {"hang": 60.0}}
    await world.chat.post(
        "/control/faults", hang | {"match": {"phone_number_id": client.number}, "times": 1}
    )
    wamid = await world.write(client.number, contact)
    await eventually(lambda: world.accepted(client.number))
    await killed(world, "sender")
    outcome = await world.tape.outcome(wamid)
    assert outcome.outcome == "answered"
    await world.tape.wait(
        lambda: [one for one in world.tape.states(outcome.reply_id) if one.state == "read"],
        "blue ticks",
    )
    assert "unknown" in {one.state for one in world.tape.states(outcome.reply_id)}
    assert len(await world.accepted(client.number)) == 1


async def in_hand(world: World) -> int:
    return (await world.calls())["in_flight"]


async def killed(world: World, service: str) -> None:
    """By SIGKILL, and ready again in another life."""
    before = world.system.children.restarts(service)
    world.system.children.kill(service, signal.SIGKILL)
    await until(lambda: world.system.children.restarts(service) > before)
    await world.ready(service)
