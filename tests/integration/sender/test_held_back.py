"""Replies that wait are checked again before they leave: commands, handovers, time, parts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import a_conversation_change
from tests.support.fake_graph import FakeGraph, refuse
from tests.support.sender import RunningSender, a_reply, a_tenant
from tests.support.waiting import eventually_in_thread

from common.events import ConversationChanged, OutcomeRecorded
from common.topics import CONVERSATIONS_EVENTS

pytestmark = pytest.mark.integration
LATE_NUMBER = "100000000000002"  # its replies wait until the client is known
LONG = "a" * 4000 + " " + "b" * 4000 + " " + "c" * 4000


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def a_change(what: str, seconds_ago: float, **fields: Any) -> ConversationChanged:
    fields = {"phone_number_id": LATE_NUMBER, "occurred_at": ago(seconds_ago)} | fields
    return a_conversation_change(what, **fields)


async def waiting(sender: RunningSender, *replies: Any) -> None:
    """The first of them was claimed, and waits."""
    await sender.reply(*replies)
    await eventually_in_thread(lambda: (0, "number_unknown") in sender.rows("state, reason"))
    await eventually_in_thread(lambda: len(sender.rows()) == len(replies))


async def changed(sender: RunningSender, *changes: ConversationChanged) -> None:
    for change in changes:
        await sender.publish(CONVERSATIONS_EVENTS, change.conversation, change)
    await eventually_in_thread(lambda: changes[-1].conversation in sender.states())


async def released(sender: RunningSender, count: int) -> list[OutcomeRecorded]:
    """The outcomes, once the client is known."""
    await sender.add_tenant(a_tenant(phone_number_id=LATE_NUMBER))
    await eventually_in_thread(sender.hurried(lambda: len(sender.outcomes()) >= count))
    return sender.outcomes()


def ends(outcomes: list[OutcomeRecorded]) -> list[tuple[str | None, str, str | None]]:
    return [(outcome.reply_id, outcome.outcome, outcome.reason) for outcome in outcomes]


async def test_an_answer_that_waits_is_not_sent_after_a_stop_but_its_notice_is(
    sender: RunningSender, graph: FakeGraph
) -> None:
    answer = a_reply("answer", phone_number_id=LATE_NUMBER, occurred_at=ago(60))
    await waiting(sender, answer)
    await changed(sender, a_change("opted_out", 30))
    notice = {"kind": "notice", "text": "Hecho.", "phone_number_id": LATE_NUMBER}
    await sender.reply(a_reply("notice", occurred_at=ago(29), **notice))
    outcomes = await released(sender, 2)
    assert ends(outcomes) == [("answer", "suppressed", "opted_out"), ("notice", "answered", None)]
    assert graph.texts == ["Hecho."]
    assert [event.state for event in sender.deliveries()] == ["suppressed", "accepted"]


async def test_while_a_person_has_the_conversation_only_what_they_wrote_is_sent(
    sender: RunningSender, graph: FakeGraph
) -> None:
    number = {"phone_number_id": LATE_NUMBER, "occurred_at": ago(60)}
    words = a_reply("words", kind="notice", what="person", text="Soy Marta.", **number)
    await waiting(sender, a_reply("answer", **number), words)
    await changed(sender, a_change("handed_over", 30, by="operator"))
    await sender.reply(a_reply("later", phone_number_id=LATE_NUMBER, occurred_at=ago(10)))
    outcomes = await released(sender, 2)
    assert ends(outcomes) == [("answer", "handed_over", "taken_over"), ("later", "answered", None)]
    assert graph.texts == ["Soy Marta.", "answer later"]


async def test_the_newest_change_counts_in_whatever_order_they_come_and_old_ones_are_forgotten(
    sender: RunningSender,
) -> None:
    sender.execute(
        "insert into conversation_state select 1, 'long ago:' || n, 'opted_out',"
        " now() - interval '26 hours' from generate_series(1, 150) n"
    )
    newest, other = a_change("opted_out", 10), a_change("opted_out", 5, contact_id="another")
    ancient = a_change("opted_out", 26 * 3600, contact_id="ancient")
    irrelevant = a_change("disclosed", 1, contact_id="disclosed")
    await changed(sender, ancient, irrelevant, newest, a_change("opted_out", 90), newest)
    await changed(sender, other)
    known = {newest.conversation: newest.occurred_at, other.conversation: other.occurred_at}
    await eventually_in_thread(lambda: sender.states() == known)


async def test_after_a_night_without_sending_no_old_answers_leave_in_a_burst(
    sender: RunningSender, graph: FakeGraph
) -> None:
    number = {"phone_number_id": LATE_NUMBER, "expires_at": ago(-3600)}
    nights = [a_reply(f"night{n}", **number) for n in range(4)]
    await waiting(sender, *nights, a_reply("morning", **number))
    sender.execute("update delivery set expires_at = now() where reply_id <> 'morning'")
    outcomes = await released(sender, 5)
    stale = [(f"night{n}", "suppressed", "stale") for n in range(4)]
    assert ends(outcomes) == [*stale, ("morning", "answered", None)]
    assert graph.texts == ["answer morning"]


async def test_after_a_refused_part_the_later_ones_are_not_sent(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131009)]
    await sender.reply(a_reply("long", text=LONG), a_reply("next"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    assert ends(sender.outcomes()) == [("long", "failed", "131009"), ("next", "answered", None)]
    assert [text[0] for text in graph.texts] == ["a", "a"]
    assert graph.texts[1] == "answer next"
    parts = [("rejected", "131009"), ("suppressed", "part_failed"), ("suppressed", "part_failed")]
    assert sender.rows("status, reason")[:3] == parts
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 4 and sender.deliveries()
    )
    states = {event.part: event.state for event in events if event.reply_id == "long"}
    assert states == {1: "rejected", 2: "suppressed", 3: "suppressed"}


async def test_parts_that_were_held_back_end_their_reply_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(
        a_reply("long", text=LONG, expires_at=ago(1), answers=("wamid.1", "wamid.2")),
        a_reply("next"),
    )
    await eventually_in_thread(lambda: len(sender.outcomes()) == 3)
    stale = ("long", "suppressed", "stale")
    assert ends(sender.outcomes()) == [stale, stale, ("next", "answered", None)]
    assert graph.texts == ["answer next"]
