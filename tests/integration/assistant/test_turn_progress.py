"""What a turn tells of itself while it is answered, on a real broker and database."""

import asyncio

import pytest
from tests.support.assistant import RunningAssistant, incoming, ordered, running_assistant
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import read_events
from tests.support.waiting import eventually_async

from common.events import TurnProgress
from common.topics import TURNS_PROGRESS

pytestmark = pytest.mark.integration


async def told(assistant: RunningAssistant) -> list[tuple[str, str]]:
    """State and newest message of all events so far, oldest first."""
    events = await asyncio.to_thread(read_events, assistant.kafka, TURNS_PROGRESS, TurnProgress)
    ordered_events = sorted(events, key=lambda event: event.occurred_at)
    return [(event.state, event.wamid) for event in ordered_events]


async def eventually_told(assistant: RunningAssistant, *events: tuple[str, str]) -> None:
    async def is_so() -> bool:
        return await told(assistant) == [*events]

    await eventually_async(is_so, f"the progress {events}")


async def test_only_a_turn_that_asks_the_model_or_needs_no_answer_tells_of_itself(
    assistant: RunningAssistant,
) -> None:
    for text in (
        "hola",
        "Gracias",
        "STOP",
        "¿siguen ahí?",
        "START",
        "quiero hablar con una persona",
    ):
        await assistant.receive(incoming(text))
        await assistant.wait_until_settled()
    await assistant.order(ordered("take_over"))
    await assistant.receive(incoming("¿hola?"))
    await assistant.wait_until_put_off()
    await eventually_told(
        assistant, ("answering", "wamid.ann.hola"), ("recorded", "wamid.ann.Gracias")
    )


async def test_it_is_told_again_while_the_model_is_asked_and_not_after(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, repeat_seconds=0.2) as assistant:
        gate = assistant.model.close()
        await assistant.receive(incoming("uno"))

        async def told_again() -> bool:
            return len(await told(assistant)) >= 3

        await eventually_async(told_again, "the turn to tell again")
        gate.set()
        await assistant.wait_until_settled()
        known = await told(assistant)
        await assistant.receive(incoming("dos"))
        await assistant.wait_until_settled()
        await eventually_told(assistant, *known, ("answering", "wamid.ann.dos"))
    assert known == [("answering", "wamid.ann.uno")] + [("still_answering", "wamid.ann.uno")] * (
        len(known) - 1
    )


async def test_an_event_says_whose_messages_and_until_when(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("uno"), incoming("dos"))
    await assistant.wait_until_settled()

    async def is_told() -> bool:
        return bool(await told(assistant))

    await eventually_async(is_told, "the turn to tell")
    [event] = await asyncio.to_thread(read_events, assistant.kafka, TURNS_PROGRESS, TurnProgress)
    assert (event.tenant_id, event.phone_number_id, event.contact_id) == (1, "number-1", "ann")
    assert (event.wamid, event.messages) == ("wamid.ann.dos", 2)
    assert event.until > event.occurred_at >= event.since
