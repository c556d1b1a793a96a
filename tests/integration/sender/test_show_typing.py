"""Read marks and typing for messages that come in."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.fake_graph import FakeGraph
from tests.support.sender import RunningSender, a_message
from tests.support.waiting import eventually_in_thread

pytestmark = pytest.mark.integration


async def test_a_fresh_message_is_marked_once_per_conversation_and_an_old_one_never(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.message(
        a_message("wamid.old", contact_id="1", sent_at=datetime.now(UTC) - timedelta(seconds=60)),
        a_message("wamid.new", contact_id="2"),
        a_message("wamid.foreign", contact_id="3", tenant_id=2),
        a_message("wamid.deleted", contact_id="4", deletes="wamid.new"),
    )
    await eventually_in_thread(lambda: graph.marks)
    await sender.message(a_message("wamid.again", contact_id="2"), a_message("wamid.end"))
    await eventually_in_thread(lambda: len(graph.marks) == 2)
    assert [mark["message_id"] for mark in graph.marks] == ["wamid.new", "wamid.end"]
    assert graph.marks[0]["typing_indicator"] == {"type": "text"}
