"""A send whose answer was lost, and the statuses that settle it."""

import asyncio
from collections import Counter

import pytest
from aiohttp import web
from tests.support.fake_graph import FakeGraph, Sent, accept, html_503, lose_answer, refuse
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

pytestmark = pytest.mark.integration


async def unknown(sender: RunningSender) -> None:
    await eventually_in_thread(lambda: "unknown" in sender.statuses())


async def test_a_status_settles_a_lost_answer_and_nothing_is_sent_again(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await unknown(sender)
    assert graph.texts == ["answer r1"]
    [sent] = graph.sent
    await sender.status(a_status(sent.wamid, "delivered", tag=sent.tag))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    assert graph.texts == ["answer r1", "answer r2"]
    assert sender.rows("status, wamid, resends")[0] == ("delivered", sent.wamid, 0)
    assert [outcome.outcome for outcome in sender.outcomes()] == ["answered", "answered"]
    assert [event.state for event in sender.deliveries()] == ["unknown", "delivered", "accepted"]


async def test_without_a_status_one_more_copy_is_sent(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"))
    await unknown(sender)
    [outcome] = await eventually_in_thread(sender.hurried(sender.outcomes))
    assert (outcome.outcome, len(graph.sent)) == ("answered", 2)


async def test_two_lost_answers_end_as_unknown(sender: RunningSender, graph: FakeGraph) -> None:
    graph.script = [lose_answer] * 5
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.hurried(sender.outcomes))
    [outcome] = sender.outcomes()
    assert (outcome.outcome, outcome.reason) == ("failed", "unknown")
    assert (sender.statuses(), len(graph.sent)) == (["unknown"], 2)


async def test_a_late_status_still_corrects_what_ended_as_unknown(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer] * 5
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.hurried(sender.outcomes))
    await sender.status(a_status(graph.sent[0].wamid, "read", tag=graph.sent[0].tag))
    await eventually_in_thread(lambda: sender.statuses() == ["read"])
    await eventually_in_thread(
        lambda: [outcome.outcome for outcome in sender.outcomes()] == ["failed", "answered"]
    )


async def test_a_doubtful_reply_is_not_sent_again_once_a_newer_one_waits(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"))
    await unknown(sender)
    await sender.reply(a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.statuses()) == 2)
    both = sender.hurried(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    outcomes = await eventually_in_thread(both)
    assert [(outcome.outcome, outcome.reason) for outcome in outcomes] == [
        ("failed", "unknown"),
        ("answered", None),
    ]
    assert graph.texts == ["answer r1", "answer r2"]


async def test_a_claim_lost_during_its_send_is_not_sent_again_and_its_late_answer_refused(
    sender: RunningSender, graph: FakeGraph
) -> None:
    answer = asyncio.Event()

    async def wait(sent: Sent) -> web.StreamResponse:
        await answer.wait()
        return await accept(sent)

    graph.script = [wait]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: graph.sent)
    sender.execute("update delivery set lease_until = now() - interval '1 second'")
    await unknown(sender)
    answer.set()
    [sent] = graph.sent
    await sender.status(a_status(sent.wamid, "sent", tag=sent.tag))
    await eventually_in_thread(sender.outcomes)
    assert sender.rows("status, wamid, resends") == [("sent", sent.wamid, 0)]
    assert len(graph.sent) == 1
    assert [event.state for event in sender.deliveries()] == ["unknown", "sent"]


async def test_a_bare_503_is_a_doubt_and_an_error_of_graph_is_not(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(2, 503), html_503]
    await sender.reply(a_reply("r1"))
    await unknown(sender)
    assert sender.rows("reason, refusals") == [("unknown:http_503", 1)]


async def test_a_port_nobody_listens_on_proves_that_nothing_was_sent(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await graph.close()
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(
        lambda: sender.rows("reason") == [("not_sent:ClientConnectorError",)]
    )
    assert sender.statuses() == ["pending"]
    await graph.open()
    await eventually_in_thread(sender.outcomes)
    assert graph.texts == ["answer r1"]


async def test_the_one_copy_is_kept_until_graph_answers_again(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """However long the outage: by the clock alone the copy would be lost in it."""
    graph.outage = html_503
    await sender.reply(a_reply("r1"))
    await unknown(sender)
    await eventually_in_thread(sender.hurried(lambda: len(graph.marks) >= 3))
    # While it is claimed, the copy counts as sent; held back, it has no place in the pair's burst.
    waits = [("unknown", 0, "graph", 1)]
    columns = "status, resends, held_by, (select count from pair_pace)"
    await eventually_in_thread(lambda: sender.rows(columns) == waits)
    assert graph.texts == ["answer r1"]
    graph.outage = None
    [outcome] = await eventually_in_thread(sender.hurried(sender.outcomes))
    assert (outcome.outcome, graph.texts) == ("answered", ["answer r1"] * 2)
    assert sender.rows("status, resends") == [("accepted", 1)]


async def test_an_outage_of_graph_makes_one_delivery_doubtful_not_all(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r0", contact_id="34600000000", wa_id="34600000000"))
    await eventually_in_thread(sender.outcomes)
    graph.outage = html_503
    await sender.reply(a_reply("r1"))
    await unknown(sender)
    contacts = [f"3460000000{number}" for number in range(1, 9)]
    await sender.reply(*(a_reply(f"to {each}", contact_id=each, wa_id=each) for each in contacts))
    held = "held_by is not null and status = 'pending'"
    await eventually_in_thread(lambda: [row[0] for row in sender.rows(held)].count(True) == 8)
    await eventually_in_thread(lambda: len(graph.marks) >= 2)
    assert graph.texts == ["answer r0", "answer r1"]
    graph.outage = None
    await eventually_in_thread(lambda: len(sender.outcomes()) == 9)
    assert len(graph.sent) == 10


async def test_after_minutes_of_outage_nothing_is_lost_and_nothing_sent_more_than_twice(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.outage = html_503
    contacts = [f"3460000000{number}" for number in range(1, 9)]
    await sender.reply(*(a_reply(f"to {each}", contact_id=each, wa_id=each) for each in contacts))
    await eventually_in_thread(lambda: len(sender.rows()) == 8 and "unknown" in sender.statuses())
    await eventually_in_thread(sender.hurried(lambda: len(graph.marks) >= 5))
    assert sender.outcomes() == []
    sender.execute(
        "update delivery set created_at = created_at - interval '200 seconds',"
        " last_inbound_at = last_inbound_at - interval '200 seconds'"
    )
    graph.outage = None
    await eventually_in_thread(sender.hurried(lambda: len(sender.outcomes()) == 8))
    assert {outcome.outcome for outcome in sender.outcomes()} == {"answered"}
    copies = Counter(graph.texts)
    assert set(copies) == {f"answer to {each}" for each in contacts}
    assert max(copies.values()) <= 2


async def test_a_class_that_allows_no_copy_gets_none(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1", delivery_class="at_most_once"))
    await unknown(sender)
    [outcome] = await eventually_in_thread(sender.hurried(sender.outcomes))
    assert (outcome.outcome, outcome.reason) == ("failed", "unknown")
    assert len(graph.sent) == 1


async def test_a_class_that_must_arrive_gets_three_copies(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer] * 5
    await sender.reply(a_reply("r1", delivery_class="at_least_once"), a_reply("r2"))
    await eventually_in_thread(sender.hurried(sender.outcomes))
    assert graph.texts[:4] == ["answer r1"] * 4
    assert sender.rows("status, resends")[0][0] == "unknown"
