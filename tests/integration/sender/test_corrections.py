"""What a status tells after the end of its delivery: outcomes are corrected, prices are told."""

from contextlib import closing

import pytest
from tests.support.builders import NUMBER
from tests.support.fake_graph import FakeGraph, lose_answer, refuse
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

from common.events import OutcomeRecorded
from common.postgres.connection import Connection
from common.postgres.engine import connection_arguments
from common.service.clock import SystemClock
from sender.new_wamids import NewWamids
from sender.reconcile import Reconcile
from sender.whatsapp.tag import Tags

pytestmark = pytest.mark.integration
End = tuple[str, str | None]


async def outcomes(sender: RunningSender, count: int) -> list[OutcomeRecorded]:
    return await eventually_in_thread(
        lambda: len(sender.outcomes()) >= count and sender.outcomes(), f"{count} outcomes"
    )


def ends(events: list[OutcomeRecorded]) -> list[End]:
    return [(event.outcome, event.reason) for event in events]


async def test_a_failure_after_the_acceptance_corrects_the_outcome_of_each_message(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", answers=("wamid.1", "wamid.2")))
    first = await outcomes(sender, 2)
    failed = a_status(graph.sent[0].wamid, "failed", error_code=131042, tag=graph.sent[0].tag)
    await sender.status(failed, failed)
    events = await outcomes(sender, 4)
    assert ends(events) == [("answered", None)] * 2 + [("failed", "131042")] * 2
    corrections = events[2:]
    assert [event.corrects for event in corrections] == [event.event_id for event in first]
    assert [event.wamid for event in corrections] == ["wamid.1", "wamid.2"]
    assert len({event.event_id for event in events}) == 4


async def test_what_ended_as_unknown_is_answered_after_all(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer] * 2
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.hurried(sender.outcomes))
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "sent", tag=sent.tag))
    await sender.status(a_status(sent.wamid, "delivered", tag=sent.tag))
    events = await outcomes(sender, 2)
    await eventually_in_thread(lambda: sender.statuses() == ["delivered"])
    assert ends(events) == [("failed", "unknown"), ("answered", None)]
    assert (events[0].corrects, events[1].corrects) == (None, events[0].event_id)
    assert len(sender.outcomes()) == 2


async def test_a_failure_that_a_delivery_disproves_is_corrected_again(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"))
    await outcomes(sender, 1)
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "failed", error_code=131026, tag=sent.tag))
    await outcomes(sender, 2)
    await sender.status(a_status(sent.wamid, "delivered", tag=sent.tag))
    events = await outcomes(sender, 3)
    assert ends(events) == [("answered", None), ("failed", "131026"), ("answered", None)]
    assert events[1].corrects == events[2].corrects == events[0].event_id


async def test_of_a_long_reply_each_part_decides_and_the_outcome_is_corrected_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", text="palabra " * 1100))
    await outcomes(sender, 1)
    first, *_, last = graph.sent
    assert len(graph.sent) == 3
    await sender.status(
        a_status(first.wamid, "delivered", tag=first.tag),
        a_status(last.wamid, "failed", error_code=131026, tag=last.tag),
    )
    assert ends(await outcomes(sender, 2))[1] == ("failed", "131026")
    await sender.status(
        a_status(graph.sent[1].wamid, "failed", error_code=131026, tag=graph.sent[1].tag),
        a_status(last.wamid, "read", tag=last.tag),
    )
    await eventually_in_thread(lambda: sender.statuses() == ["delivered", "failed", "read"])
    await sender.status(a_status(graph.sent[1].wamid, "read", tag=graph.sent[1].tag))
    assert ends(await outcomes(sender, 3)) == [
        ("answered", None),
        ("failed", "131026"),
        ("answered", None),
    ]


async def test_a_part_that_failed_before_the_last_one_left_decides_at_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1", text="palabra " * 800))
    await eventually_in_thread(lambda: sender.statuses() == ["unknown", "pending"])
    [sent] = graph.sent
    await sender.status(a_status(sent.wamid, "failed", error_code=131026, tag=sent.tag))
    [event] = await outcomes(sender, 1)
    assert (event.outcome, event.reason, event.corrects) == ("failed", "131026", None)
    assert sender.statuses() == ["failed", "accepted"]


async def test_a_fallback_that_does_not_arrive_keeps_the_outcome_failed_with_metas_reason(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", kind="fallback", failure="http_500"))
    await outcomes(sender, 1)
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "failed", error_code=368, tag=sent.tag))
    assert ends(await outcomes(sender, 2)) == [("failed", "http_500"), ("failed", "368")]


async def test_what_a_person_wrote_and_failed_ends_no_message(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", what="person", kind="notice"))
    await eventually_in_thread(lambda: sender.statuses() == ["accepted"])
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "failed", error_code=131026, tag=sent.tag))
    await eventually_in_thread(
        lambda: [event.state for event in sender.deliveries()] == ["accepted", "failed"]
    )
    assert sender.outcomes() == []


async def test_a_refused_send_whose_message_left_all_the_same_is_answered(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """The first copy's answer was lost, the second was refused for good."""
    graph.script = [lose_answer, refuse(131026)]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.hurried(sender.outcomes))
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "delivered", tag=sent.tag))
    events = await outcomes(sender, 2)
    assert ends(events) == [("failed", "131026"), ("answered", None)]


async def test_a_number_and_its_codes_are_told_after_the_commit_and_once_a_batch(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(*(a_reply(f"r{n}") for n in range(3)))
    await outcomes(sender, 3)
    told: list[tuple[str, int]] = []
    reconcile = Reconcile(
        Tags(sender.ring), SystemClock(), NewWamids(), lambda *failed: told.append(failed)
    )
    first, second, third = (sent.wamid for sent in graph.sent)
    batch = [
        a_status(first, "failed", error_code=131042),
        a_status(second, "failed", error_code=131042),
        a_status(second, "failed", error_code=131042),
        a_status(third, "failed", error_code=368),
        a_status("wamid.of-another-app", "failed", error_code=131031),
    ]
    with closing(Connection(connection_arguments(sender.database_url, "test"), "sender")) as own:
        settled = reconcile.store(own, batch)
        assert told == []
        reconcile.after_commit(settled)
        reconcile.after_commit(reconcile.store(own, batch))  # told before
    assert told == [(NUMBER, 368), (NUMBER, 131042)]


async def test_the_price_is_stored_and_told_with_the_delivery(
    sender: RunningSender, graph: FakeGraph
) -> None:
    price = {"pricing_type": "regular", "pricing_category": "service"}
    await sender.reply(a_reply("r1"))
    await outcomes(sender, 1)
    sent = graph.sent[0]
    await sender.status(a_status(sent.wamid, "sent", tag=sent.tag, **price))
    await sender.status(a_status(sent.wamid, "delivered", tag=sent.tag))
    await eventually_in_thread(lambda: sender.statuses() == ["delivered"])
    assert sender.rows("pricing_type, pricing_category") == [("regular", "service")]
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 3 and sender.deliveries()
    )
    assert [(event.state, event.pricing_type, event.pricing_category) for event in events] == [
        ("accepted", None, None),
        ("sent", "regular", "service"),
        ("delivered", "regular", "service"),
    ]


async def test_a_price_that_comes_late_or_with_a_parked_status_is_told_too(
    sender: RunningSender, graph: FakeGraph
) -> None:
    price = {"pricing_type": "free_entry_point", "pricing_category": "service"}
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: sender.statuses() == ["unknown"])
    sent = graph.sent[0]
    await sender.status(
        a_status(sent.wamid, "sent", **price), a_status(sent.wamid, "delivered", tag=sent.tag)
    )
    await eventually_in_thread(
        lambda: sender.rows("status, pricing_type") == [("delivered", "free_entry_point")]
    )
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 3 and sender.deliveries()
    )
    assert [(event.state, event.pricing_type) for event in events] == [
        ("unknown", None),
        ("delivered", None),
        ("delivered", "free_entry_point"),
    ]
