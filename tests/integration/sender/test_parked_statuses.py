"""Statuses without our tag: of a send whose answer is on its way, or of another app."""

import asyncio

import pytest
from aiohttp import web
from sqlalchemy import Connection
from tests.support.fake_graph import FakeGraph, Sent, accept, lose_answer
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

from sender.new_wamids import LOOKS, NewWamids, SentMessage
from sender.parked_statuses import LONG_AGO
from sender.parked_store import PORTION, delete_expired, take, take_portion

pytestmark = pytest.mark.integration


async def test_an_untagged_status_before_the_answer_is_parked_and_applied(
    sender: RunningSender, graph: FakeGraph
) -> None:
    async def after_its_status(sent: Sent) -> web.StreamResponse:
        failed = a_status(sent.wamid, "failed", error_code=131026, error_title="Undeliverable")
        await sender.status(failed)
        await eventually_in_thread(lambda: parked(sender))
        return await accept(sent)

    graph.script = [after_its_status]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: sender.rows("status, error_code") == [("failed", 131026)])
    assert parked(sender) == 0
    await eventually_in_thread(
        lambda: [event.state for event in sender.deliveries()] == ["accepted", "failed"]
    )
    outcomes = await eventually_in_thread(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    assert [outcome.outcome for outcome in outcomes] == ["answered", "failed"]


async def test_a_status_of_another_app_is_kept_only_while_the_number_waits_for_an_answer(
    sender: RunningSender, graph: FakeGraph
) -> None:
    answer = asyncio.Event()

    async def wait(sent: Sent) -> web.StreamResponse:
        await answer.wait()
        return await accept(sent)

    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    [first] = graph.sent
    await sender.status(a_status("wamid.foreign1", "sent"), a_status(first.wamid, "sent"))
    await eventually_in_thread(lambda: sender.statuses() == ["sent"])
    assert parked(sender) == 0
    graph.script = [wait]
    await sender.reply(a_reply("r2"))
    await eventually_in_thread(lambda: len(graph.sent) == 2)
    await sender.status(
        a_status("wamid.foreign2", "sent"),
        a_status("wamid.of-another-client", "sent", tenant_id=2),
        a_status("wamid.of-another-number", "sent", phone_number_id="2"),
        a_status(first.wamid, "delivered"),
    )
    await eventually_in_thread(lambda: sender.statuses()[0] == "delivered" and parked(sender))
    assert parked_wamids(sender) == ["wamid.foreign2"]
    answer.set()
    await eventually_in_thread(lambda: sender.statuses()[1] == "accepted")


async def test_an_unknown_send_may_still_be_named_by_a_status_without_its_tag(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: sender.statuses() == ["unknown"])
    [sent] = graph.sent
    await sender.status(a_status(sent.wamid, "delivered"))
    await eventually_in_thread(lambda: parked(sender))
    await sender.status(a_status(sent.wamid, "sent", tag=sent.tag))
    await eventually_in_thread(lambda: sender.statuses() == ["delivered"])
    assert parked(sender) == 0


async def test_what_matches_nothing_for_ten_minutes_is_forgotten_in_portions(
    sender: RunningSender,
) -> None:
    with sender.engine.begin() as connection:
        park(connection, [f"wamid.{number}" for number in range(PORTION + 1)], "10 min 1 s")
        park(connection, ["wamid.new"], "9 minutes")
    with sender.engine.begin() as connection:
        assert [delete_expired(connection) for _ in range(3)] == [PORTION, 1, 0]
    assert parked_wamids(sender) == ["wamid.new"]


async def test_the_first_sweep_looks_at_all_in_portions_oldest_first(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """As after the death of a process whose answer was just stored."""
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    with sender.engine.connect() as connection:
        park(connection, [f"wamid.{number}" for number in range(PORTION)], "9 minutes")
        park(connection, [graph.sent[0].wamid], "8 minutes")
        statuses, until = take_portion(connection, LONG_AGO)
        assert statuses == []
        assert until is not None
        statuses, end = take_portion(connection, until)
    assert [status.wamid for status in statuses] == [graph.sent[0].wamid]
    assert end is None


async def test_the_statuses_of_some_messages_are_taken_and_no_others(
    sender: RunningSender,
) -> None:
    with sender.engine.connect() as connection:
        park(connection, ["wamid.1", "wamid.2"], "1 minute")
        taken = take(
            connection, [SentMessage(1, "wamid.1"), SentMessage(2, "wamid.2"), SentMessage(1, "x")]
        )
        again = take(connection, [SentMessage(1, "wamid.1")])
    assert [(status.tenant_id, status.wamid) for status in taken] == [(1, "wamid.1")]
    assert again == []


def test_a_new_wamid_is_looked_for_a_few_times_and_then_no_more() -> None:
    new_wamids, message = NewWamids(), SentMessage(1, "wamid.1")
    new_wamids.add([message])
    seen = []
    for _ in range(LOOKS + 1):
        seen.append(new_wamids.recent())
        new_wamids.end_sweep()
    assert seen == [[message]] * LOOKS + [[]]


def park(connection: Connection, wamids: list[str], ago: str) -> None:
    connection.exec_driver_sql(
        """insert into early_status (tenant_id, wamid, status, status_at, parked_at)
        select 1, given, 'sent', now(), now() - %(ago)s::interval from unnest(%(wamids)s) given""",
        {"wamids": wamids, "ago": ago},
    )


def parked(sender: RunningSender) -> int:
    return len(parked_wamids(sender))


def parked_wamids(sender: RunningSender) -> list[str]:
    with sender.engine.connect() as connection:
        rows = connection.exec_driver_sql("select wamid from early_status order by wamid")
        return [row.wamid for row in rows]
