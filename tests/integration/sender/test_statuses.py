"""Statuses in any order, early, doubled and foreign."""

import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from tests.support.fake_graph import FakeGraph, Sent, accept, lose_answer
from tests.support.sender import RunningSender, a_reply, a_status
from tests.support.waiting import eventually_in_thread

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


async def test_statuses_never_go_back_and_each_is_told_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    wamid, last = (sent.wamid for sent in graph.sent)
    await sender.status(
        a_status(wamid, "sent"),
        a_status(wamid, "read"),
        a_status(wamid, "delivered"),
        a_status(wamid, "read"),
        a_status(last, "sent"),
    )
    await eventually_in_thread(lambda: sender.statuses() == ["read", "sent"])
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) >= 5 and sender.deliveries()
    )
    states = [event.state for event in events if event.wamid == wamid]
    assert states == ["accepted", "sent", "read"]


async def test_neither_a_forged_tag_nor_another_clients_status_moves_a_delivery(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    sent, last = graph.sent
    await sender.status(
        a_status("wamid.x", "read", tag=f"{sent.tag[:-1]}{'A' if sent.tag[-1] != 'A' else 'B'}"),
        a_status("wamid.y", "read", tag=sent.tag, tenant_id=2),
        a_status(sent.wamid, "failed", tenant_id=2, error_code=131042),
        a_status(last.wamid, "sent"),
    )
    await eventually_in_thread(lambda: sender.statuses() == ["accepted", "sent"])
    assert len(sender.outcomes()) == 2


async def test_a_second_copy_is_counted_once_whatever_its_statuses(
    sender: RunningSender, graph: FakeGraph
) -> None:
    """Its first copy was accepted too, though the answer was lost."""
    graph.script = [lose_answer]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: sender.statuses() == ["unknown"])
    await eventually_in_thread(sender.hurried(sender.outcomes))
    first, second = graph.sent
    before = counted("duplicate_suspected")
    for status in ("sent", "delivered", "read"):  # each in a batch of its own
        await sender.status(a_status(first.wamid, status, tag=first.tag))
        await sender.status(a_status(second.wamid, status, tag=second.tag))
        await eventually_in_thread(lambda status=status: sender.statuses() == [status])  # type: ignore[misc]
    assert sender.rows("wamid, copies") == [(second.wamid, [first.wamid])]
    assert counted("duplicate_suspected") - before == 1


def counted(state: str) -> float:
    return REGISTRY.get_sample_value("conserje_deliveries_total", {"state": state}) or 0.0
