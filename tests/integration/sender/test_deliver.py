"""From replies.outbound to the Graph API and back, on a real broker and database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.fake_graph import FakeGraph, fake_graph
from tests.support.parts import Broker, Databases
from tests.support.sender_running import (
    NUMBER,
    PHONE,
    TOKEN,
    RunningSender,
    a_reply,
    a_tenant,
    eventually,
    running_sender,
)

pytestmark = pytest.mark.integration


@pytest.fixture
async def graph() -> AsyncIterator[FakeGraph]:
    async with fake_graph() as server:
        yield server


@pytest.fixture
async def sender(
    kafka: Broker, new_database: Databases, graph: FakeGraph, tmp_path: Path
) -> AsyncIterator[RunningSender]:
    url = new_database(("sender", "sender"))
    async with running_sender(kafka.bootstrap, url, graph.url, tmp_path) as running:
        await running.add_tenant(a_tenant())
        yield running


async def test_a_reply_is_sent_and_its_message_answered(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", text="**Hola**"))
    outcome = (await eventually(sender.outcomes))[0]
    assert (outcome.outcome, outcome.wamid, outcome.reply_id) == ("answered", "wamid.IN-r1", "r1")
    [sent] = graph.sent
    assert (sent.number, sent.token, sent.text) == (NUMBER, TOKEN, "*Hola*")
    assert sent.body["to"] == f"+{PHONE}"
    [event] = await eventually(sender.deliveries)
    assert (event.state, event.wamid, event.part, event.parts) == ("accepted", sent.wamid, 1, 1)
