"""From replies.outbound to the Graph API and back, on a real broker and database."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.builders import CONTACT, NUMBER
from tests.support.fake_graph import FakeGraph, refuse
from tests.support.sender import PHONE, TOKEN, RunningSender, a_reply, a_tenant
from tests.support.waiting import eventually_in_thread

from common.events import OutgoingMedia
from common.sealed import seal
from common.work import WorkState

pytestmark = pytest.mark.integration
OTHER_NUMBER = "100000000000002"


async def test_a_reply_is_sent_and_its_messages_answered(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", text="**Hola**", answers=("wamid.a", "wamid.b")))
    outcomes = await eventually_in_thread(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    assert [outcome.wamid for outcome in outcomes] == ["wamid.a", "wamid.b"]
    assert {(outcome.outcome, outcome.reply_id) for outcome in outcomes} == {("answered", "r1")}
    [sent] = graph.sent
    assert (sent.number, sent.token, sent.text) == (NUMBER, TOKEN, "*Hola*")
    assert sent.body["to"] == f"+{PHONE}"
    [event] = await eventually_in_thread(sender.deliveries)
    assert (event.state, event.wamid, event.part, event.parts) == ("accepted", sent.wamid, 1, 1)


async def test_the_messages_of_a_fallback_text_end_as_failed_with_its_reason(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", kind="fallback", failure="http_500"))
    [outcome] = await eventually_in_thread(sender.outcomes)
    assert (outcome.outcome, outcome.reason) == ("failed", "http_500")
    assert graph.texts == ["answer r1"]


async def test_what_a_person_wrote_is_sent_as_it_is_and_ends_no_message(
    sender: RunningSender, graph: FakeGraph
) -> None:
    text = "**Hola**, soy [Marta](https://x.es)"
    await sender.reply(a_reply("r1", kind="notice", what="person", text=text), a_reply("r2"))
    [outcome] = await eventually_in_thread(sender.outcomes)
    assert outcome.reply_id == "r2"
    assert graph.texts == [text, "answer r2"]
    assert {event.reply_id for event in sender.deliveries()} == {"r1", "r2"}


MENU = OutgoingMedia(
    id="7", kind="document", mime_type="application/pdf", filename="menu.pdf", caption="Hoy"
)


async def test_a_persons_file_is_sent_by_its_id(sender: RunningSender, graph: FakeGraph) -> None:
    photo = MENU.model_copy(update={"kind": "image", "caption": None})
    await sender.reply(
        a_reply("r1", kind="notice", what="person", text="Hoy", media=MENU),
        a_reply("r2", kind="notice", what="person", text="[photo]", media=photo),
    )
    await eventually_in_thread(lambda: len(sender.deliveries()) == 2)
    assert [(sent.body["type"], sent.body[sent.body["type"]]) for sent in graph.sent] == [
        ("document", {"id": "7", "caption": "Hoy", "filename": "menu.pdf"}),
        ("image", {"id": "7"}),
    ]


async def test_a_file_that_meta_does_not_take_is_not_sent_as_words(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131016, 503), refuse(131009)]
    await sender.reply(
        a_reply("r1", kind="notice", what="person", text="Hoy", media=MENU), a_reply("r2")
    )
    await eventually_in_thread(sender.hurried(sender.outcomes))
    assert [sent.body["type"] for sent in graph.sent] == ["document", "document", "text"]
    assert {event.reply_id: event.state for event in sender.deliveries()} == {
        "r1": "rejected",
        "r2": "accepted",
    }


@pytest.mark.parametrize(
    ("failure", "end"),
    [
        ("suppressed:budget", ("suppressed", "budget")),
        ("handed_over:tool", ("handed_over", "tool")),
    ],
)
async def test_the_messages_of_a_notice_end_as_it_says(
    sender: RunningSender, graph: FakeGraph, failure: str, end: tuple[str, str]
) -> None:
    await sender.reply(a_reply("r1", kind="notice", failure=failure))
    [outcome] = await eventually_in_thread(sender.outcomes)
    assert (outcome.outcome, outcome.reason) == end
    assert graph.texts == ["answer r1"]


async def test_a_contact_without_a_phone_gets_it_by_user_id(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", wa_id=None))
    await eventually_in_thread(lambda: graph.sent)
    assert graph.sent[0].body["recipient"] == CONTACT
    assert "to" not in graph.sent[0].body


async def test_a_reply_that_comes_again_is_sent_once(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1"), a_reply("r1"))
    await eventually_in_thread(sender.outcomes)
    await sender.reply(a_reply("r1"), a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    assert graph.texts == ["answer r1", "answer r2"]


async def test_parts_and_replies_of_a_conversation_leave_in_order_past_a_refusal(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131016, 503)]
    await sender.reply(a_reply("r1", text="a" * 4000 + " " + "b" * 4000), a_reply("r2"))
    await eventually_in_thread(lambda: len(sender.outcomes()) == 2)
    assert [text[0] for text in graph.texts] == ["a", "a", "b", "a"]
    assert graph.texts[-1] == "answer r2"
    assert len({sent.tag for sent in graph.sent}) == 4


async def test_a_final_refusal_fails_the_message_and_frees_the_next(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131026)]
    await sender.reply(a_reply("r1"), a_reply("r2"))
    outcomes = await eventually_in_thread(lambda: len(sender.outcomes()) == 2 and sender.outcomes())
    assert [(outcome.outcome, outcome.reason) for outcome in outcomes] == [
        ("failed", "131026"),
        ("answered", None),
    ]
    events = await eventually_in_thread(
        lambda: len(sender.deliveries()) == 2 and sender.deliveries()
    )
    assert [(event.state, event.error_code) for event in events] == [
        ("rejected", 131026),
        ("accepted", None),
    ]


async def test_the_pair_limit_delays_one_person_only(
    sender: RunningSender, graph: FakeGraph
) -> None:
    graph.script = [refuse(131056)] * 2
    await sender.reply(a_reply("r1"))
    await eventually_in_thread(lambda: len(graph.sent) == 2)
    other = a_reply("other", contact_id="34600333444", wa_id="34600333444")
    await sender.reply(other)
    await eventually_in_thread(lambda: "answer other" in graph.texts)
    waiting = f"state = {WorkState.WAITING:d}"
    waits = f"case when {waiting} then extract(epoch from due_at - now())::float8 end"
    await eventually_in_thread(lambda: sender.rows("pair_refusals")[0] == (2,))
    assert 2 < sender.rows(waits)[0][0] <= 5  # 4^1 s after the second refusal, and up to one more


async def test_each_client_sends_with_its_own_token(
    sender: RunningSender, graph: FakeGraph
) -> None:
    own = seal(sender.ring, 2, "access_token", "token-of-two")
    moved = seal(sender.ring, 2, "access_token", "token-of-two")
    await sender.add_tenant(a_tenant(2, phone_number_id=OTHER_NUMBER, access_token=own))
    await sender.add_tenant(a_tenant(3, phone_number_id="3", access_token=moved))
    await sender.reply(
        a_reply("one"),
        a_reply("two", tenant_id=2, phone_number_id=OTHER_NUMBER),
        a_reply("three", tenant_id=3, phone_number_id="3"),
    )
    await eventually_in_thread(
        lambda: ("three", "pending", "190") in sender.rows("reply_id, status, reason")
    )
    await eventually_in_thread(lambda: len(graph.sent) == 2)
    assert {(sent.text, sent.token) for sent in graph.sent} == {
        ("answer one", TOKEN),
        ("answer two", "token-of-two"),
    }


async def test_what_must_not_be_sent_is_suppressed_with_its_reason(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.add_tenant(a_tenant(2, phone_number_id=OTHER_NUMBER, active=False))
    await sender.reply(
        a_reply("inactive", tenant_id=2, phone_number_id=OTHER_NUMBER),
        a_reply("moved", tenant_id=9, contact_id="1"),
        a_reply("old", contact_id="2", last_inbound_at=datetime.now(UTC) - timedelta(hours=23.1)),
    )
    outcomes = await eventually_in_thread(lambda: len(sender.outcomes()) == 3 and sender.outcomes())
    assert {(outcome.reply_id, outcome.outcome, outcome.reason) for outcome in outcomes} == {
        ("inactive", "suppressed", "inactive"),
        ("moved", "suppressed", "number_moved"),
        ("old", "suppressed", "window_closed"),
    }
    assert graph.sent == []
    assert {event.state for event in sender.deliveries()} == {"suppressed"}


async def test_a_number_unknown_for_a_moment_is_waited_for(
    sender: RunningSender, graph: FakeGraph
) -> None:
    await sender.reply(a_reply("r1", tenant_id=2, phone_number_id=OTHER_NUMBER))
    await eventually_in_thread(
        lambda: sender.rows("status, reason") == [("pending", "number_unknown")]
    )
    await sender.add_tenant(a_tenant(2, phone_number_id=OTHER_NUMBER))
    await eventually_in_thread(sender.hurried(lambda: graph.sent))
