"""Statuses in any order, early, doubled and foreign."""

import pytest
from aiohttp import web
from sqlalchemy import Connection
from tests.support.fake_graph import FakeGraph, Sent, accept
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

from sender.reconcile import LONG_AGO
from sender.status_store import PORTION, RECENT, delete_expired, take_parked

pytestmark = pytest.mark.integration


async def test_a_tagged_status_before_the_answer_settles_the_send(
    sender: RunningSender, graph: FakeGraph
) -> None:
    async def after_its_status(sent: Sent) -> web.StreamResponse:
        await sender.status(a_status(sent.wamid, "sent", tag=sent.tag))
        await eventually_in_thread(lambda: sender.statuses()[0] == "sent")
        return await accept(sent)

    graph.script = [after_its_status]
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    assert sender.rows("status, wamid")[0] == ("sent", graph.sent[0].wamid)
    assert graph.texts == ["answer r1", "answer r2"]


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
    assert [outcome.outcome for outcome in sender.outcomes()] == ["answered"]


async def test_statuses_never_go_back_and_each_is_told_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    wamid = graph.sent[0].wamid
    await sender.status(
        a_status(wamid, "sent"),
        a_status(wamid, "read"),
        a_status(wamid, "delivered"),
        a_status(wamid, "read"),
        a_status("wamid.end", "sent"),
    )
    await eventually_in_thread(lambda: parked(sender))
    assert sender.statuses() == ["read"]
    states = [
        event.state
        for event in await eventually_in_thread(
            lambda: len(sender.deliveries()) >= 3 and sender.deliveries()
        )
    ]
    assert states == ["accepted", "sent", "read"]


async def test_neither_a_forged_tag_nor_another_clients_status_moves_a_delivery(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    [sent] = graph.sent
    await sender.status(
        a_status("wamid.x", "read", tag=f"{sent.tag[:-1]}{'A' if sent.tag[-1] != 'A' else 'B'}"),
        a_status("wamid.y", "read", tag=sent.tag, tenant_id=2),
        a_status(sent.wamid, "read", tenant_id=2),
    )
    await eventually_in_thread(lambda: parked(sender) == 3)
    assert sender.statuses() == ["accepted"]


async def test_what_matches_nothing_for_a_day_is_forgotten(sender: RunningSender) -> None:
    await sender.status(a_status("wamid.old", "sent"), a_status("wamid.new", "sent"))
    await eventually_in_thread(lambda: parked(sender) == 2)
    sender.execute(
        "update early_status set parked_at = now() - interval '1 day 1 second'"
        " where wamid = 'wamid.old'"
    )
    with sender.engine.begin() as connection:
        assert delete_expired(connection) == 1
    assert parked(sender) == 1


async def test_parked_statuses_are_looked_at_in_portions_oldest_first(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """As after an outage in which an answer could not be stored."""
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    with sender.engine.connect() as connection:
        park(connection, [f"wamid.{number}" for number in range(PORTION)], "2 hours")
        park(connection, [graph.sent[0].wamid], "1 hour")
        first = take_parked(connection, LONG_AGO)
        second = take_parked(connection, first.next_after)
        now = connection.exec_driver_sql("select now()").scalar_one()
    assert (first.statuses, first.is_last) == ([], False)
    assert [status.wamid for status in second.statuses] == [graph.sent[0].wamid]
    assert second.is_last
    assert second.next_after == now - RECENT


def park(connection: Connection, wamids: list[str], ago: str) -> None:
    connection.exec_driver_sql(
        """insert into early_status (tenant_id, wamid, status, status_at, parked_at)
        select 1, given, 'sent', now(), now() - %(ago)s::interval from unnest(%(wamids)s) given""",
        {"wamids": wamids, "ago": ago},
    )


def parked(sender: RunningSender) -> int:
    with sender.engine.connect() as connection:
        return int(connection.exec_driver_sql("select count(*) from early_status").scalar() or 0)
