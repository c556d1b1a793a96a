"""What is outside WhatsApp's window leaves as the client's template."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NUMBER
from tests.support.fake_graph import FakeGraph, refuse
from tests.support.sender import RunningSender, a_reply, a_tenant
from tests.support.waiting import eventually_in_thread

from common.events import TenantConfig

pytestmark = pytest.mark.integration
OTHER = "100000000000002"


def with_template(tenant_id: int = 2, **settings: object) -> TenantConfig:
    given = {"window_template": "we_answered"} | settings
    return a_tenant(tenant_id, phone_number_id=OTHER, settings=given)


async def outcomes_of(
    sender: RunningSender, count: int
) -> dict[str | None, tuple[str, str | None]]:
    found = await eventually_in_thread(
        lambda: len(sender.outcomes()) == count and sender.outcomes()
    )
    return {each.reply_id: (each.outcome, each.reason) for each in found}


async def test_once_a_day_a_reply_after_the_window_leaves_as_a_template(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.add_tenant(with_template())
    old = datetime.now(UTC) - timedelta(hours=23.1)
    client = {"tenant_id": 2, "phone_number_id": OTHER, "last_inbound_at": old}
    await sender.reply(a_reply("r1", **client), a_reply("r2", **client))
    assert await outcomes_of(sender, 2) == {
        "r1": ("suppressed", "template"),
        "r2": ("suppressed", "template_sent_today"),
    }
    [sent] = graph.sent
    assert sent.body["template"] == {"name": "we_answered", "language": {"code": "es"}}
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 2 and sender.deliveries()
    )
    assert [
        (event.state, event.reason, event.template, event.template_takes_text) for event in events
    ] == [
        ("accepted", None, "we_answered", False),
        ("suppressed", "template_sent_today", None, None),
    ]


async def test_what_a_person_says_after_the_window_leaves_each_time_with_its_text(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.add_tenant(with_template(window_template_takes_text=True))
    says: dict[str, Any] = {"tenant_id": 2, "phone_number_id": OTHER, "kind": "notice"}
    says |= {"what": "person", "last_inbound_at": datetime.now(UTC) - timedelta(days=9)}
    await sender.reply(a_reply("r1", **says), a_reply("r2", **says))
    await eventually_in_thread(lambda: sender.statuses() == ["accepted"] * 2)
    texts = [sent.body["template"]["components"][0]["parameters"][0]["text"] for sent in graph.sent]
    assert texts == ["answer r1", "answer r2"]


async def test_a_template_that_meta_refuses_ends_all_parts_of_the_reply(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.add_tenant(with_template())
    graph.script = [refuse(132001)]
    old = datetime.now(UTC) - timedelta(hours=23.1)
    client = {"tenant_id": 2, "phone_number_id": OTHER, "last_inbound_at": old}
    await sender.reply(a_reply("r1", text="palabra " * 600, **client))
    assert await outcomes_of(sender, 1) == {"r1": ("failed", "132001")}
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 2 and sender.deliveries()
    )
    assert [(event.state, event.reason, event.template) for event in events] == [
        ("rejected", "132001", "we_answered"),
        ("suppressed", "part_failed", None),
    ]
    assert len(graph.sent) == 1


async def test_what_meta_takes_for_outside_the_window_leaves_as_a_template_with_its_text(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.add_tenant(with_template(window_template_takes_text=True))
    graph.script = [refuse(131047), refuse(131047)]
    await sender.reply(a_reply("r1", tenant_id=2, phone_number_id=OTHER))
    await eventually_in_thread(sender.hurried(lambda: len(graph.sent) == 3))
    assert await outcomes_of(sender, 1) == {"r1": ("answered", "template")}
    [body] = graph.sent[2].body["template"]["components"]
    assert body["parameters"] == [{"type": "text", "text": "answer r1"}]


async def test_without_a_template_the_refusal_is_the_outcome(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131047), refuse(131047)]
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(sender.hurried(lambda: len(graph.sent) == 2))
    assert await outcomes_of(sender, 1) == {"r1": ("failed", "131047")}
    assert {sent.number for sent in graph.sent} == {NUMBER}
