"""Read marks and typing while turns are being answered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import a_conversation_change
from tests.support.fake_graph import FakeGraph
from tests.support.sender import RunningSender, a_reply, progress
from tests.support.waiting import eventually_in_thread

from common.events import TurnProgress
from common.topics import CONVERSATIONS_EVENTS, TURNS_PROGRESS

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)
END = "the last of them"


async def marked(sender: RunningSender, graph: FakeGraph, *events: TurnProgress) -> dict[str, Any]:
    """By message: the typing indicator of its mark. One partition keeps these events in order."""
    last = progress("answering", END, contact_id=END)
    await sender.publish(TURNS_PROGRESS, "one partition", *events, last)
    await eventually_in_thread(lambda: END in [mark["message_id"] for mark in graph.marks])
    return {
        mark["message_id"]: mark.get("typing_indicator")
        for mark in graph.marks
        if mark["message_id"] != END
    }


async def test_a_turn_that_is_answered_shows_typing_and_one_that_is_not_is_only_read(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.progress(
        progress("answering", "wamid.answered", contact_id="1"),
        progress("recorded", "wamid.thanks", contact_id="2"),
        progress("still_answering", "wamid.long", contact_id="3"),
    )
    await eventually_in_thread(lambda: len(graph.marks) == 3)
    shown = {mark["message_id"]: mark.get("typing_indicator") for mark in graph.marks}
    typing = {"type": "text"}
    assert shown == {"wamid.answered": typing, "wamid.thanks": None, "wamid.long": typing}


async def test_nothing_shows_typing_after_the_reply(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", answers=("wamid.a", "wamid.b")))
    await eventually_in_thread(sender.outcomes)
    await sender.progress(progress("answering", "wamid.b"))
    [mark] = await eventually_in_thread(lambda: graph.marks)
    assert (mark["message_id"], "typing_indicator" in mark) == ("wamid.b", False)


async def test_what_is_old_or_foreign_is_not_marked(
    sender: RunningSender, graph: FakeGraph
) -> None:
    events = (
        progress("answering", "wamid.old", contact_id="1", until=NOW),
        progress("answering", "wamid.foreign", contact_id="2", tenant_id=2),
        progress("another state", "wamid.unknown", contact_id="3"),
    )
    assert await marked(sender, graph, *events) == {}


async def test_typing_is_not_kept_up_once_the_contact_stopped_us_or_a_person_took_over(
    sender: RunningSender, graph: FakeGraph
) -> None:
    for contact, what in (("1", "opted_out"), ("2", "handed_over")):
        change = a_conversation_change(what, contact_id=contact, occurred_at=NOW)
        await sender.publish(CONVERSATIONS_EVENTS, change.conversation, change)
    await eventually_in_thread(lambda: len(sender.states()) == 2)
    before, after = NOW - timedelta(seconds=5), NOW + timedelta(seconds=5)
    events = (
        progress("still_answering", "wamid.1", contact_id="1", since=before),
        progress("still_answering", "wamid.2", contact_id="2", since=before),
    )
    assert await marked(sender, graph, *events) == {}
    await sender.progress(progress("still_answering", "wamid.3", contact_id="2", since=after))
    await eventually_in_thread(lambda: graph.marks[-1]["message_id"] == "wamid.3")
