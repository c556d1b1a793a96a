"""Edits and deletions: before, while and after their message is answered."""

from typing import Any

import pytest
from tests.support.assistant import RunningAssistant, a_client, incoming, running_assistant
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase

from common.events import MessageReceived

pytestmark = pytest.mark.integration


def edit(of: str, text: str, wamid: str = "wamid.edit") -> MessageReceived:
    return incoming(text, wamid=wamid, edits=f"wamid.ann.{of}", what="edit")


def deletion(of: str, wamid: str = "wamid.revoke") -> MessageReceived:
    text = "[deleted message]"
    return incoming(text, wamid=wamid, deletes=f"wamid.ann.{of}", what="revoke")


async def ends(assistant: RunningAssistant) -> dict[str, str]:
    """The one outcome that the assistant has recorded of each message."""
    outcomes = await assistant.outcomes()
    assert len({each.wamid for each in outcomes}) == len(outcomes)
    return {each.wamid: f"{each.outcome}:{each.reason}" for each in outcomes}


def last_input(assistant: RunningAssistant) -> list[str]:
    body: dict[str, Any] = assistant.model.bodies[-1]
    return [item["content"] for item in body["input"] if item["role"] != "developer"]


async def test_an_answer_that_is_being_made_is_made_again_to_the_edited_text(
    assistant: RunningAssistant,
) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("el lunes"))
    await assistant.wait_for_calls(1)
    await assistant.receive(edit("el lunes", "el martes"))
    await assistant.wait_for_calls(2)
    gate.set()
    [reply] = await assistant.replies()
    assert (reply.text, reply.answers) == ("echo el martes", ("wamid.ann.el lunes",))
    assert await ends(assistant) == {"wamid.edit": "recorded:edit"}


async def test_an_edit_within_the_quiet_window_costs_no_second_call(
    kafka: Broker, new_database: NewDatabase
) -> None:
    patient = a_client(settings={"quiet_window_ms": 20_000})
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, patient) as assistant:
        await assistant.receive(incoming("el lunes"), edit("el lunes", "el martes"))
        await assistant.execute("update turn set due_at = now()")
        [reply] = await assistant.replies()
        assert reply.text == "echo el martes"
        assert len(assistant.model.bodies) == 1


async def test_an_edit_of_an_answered_message_is_a_new_text(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("el lunes"))
    await assistant.wait_until_settled()
    changed = edit("el lunes", "el martes")
    await assistant.receive(changed)
    await assistant.wait_until_settled()
    await assistant.receive(changed)
    [_, second] = await assistant.replies()
    assert (second.text, second.answers) == ("echo [edited] el martes", ("wamid.edit",))
    assert last_input(assistant)[:2] == ["el lunes", "echo el lunes"]
    assert await ends(assistant) == {}


async def test_an_edit_of_a_message_that_nobody_knows_is_a_new_text(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(edit("nunca", "hola"))
    [reply] = await assistant.replies()
    assert reply.text == "echo [edited] hola"


async def test_edits_make_an_answer_again_three_times_at_most(assistant: RunningAssistant) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("0"))
    for number in range(1, 5):
        await assistant.wait_for_calls(number)
        await assistant.receive(edit("0", str(number), wamid=f"wamid.edit.{number}"))
    gate.set()
    first, second = await assistant.replies()
    assert (first.text, second.text) == ("echo 3", "echo [edited] 4")


async def test_a_deleted_message_is_not_answered(assistant: RunningAssistant) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("borrar"))
    await assistant.wait_for_calls(1)
    await assistant.receive(deletion("borrar"))
    gate.set()
    assert await assistant.replies() == []
    recorded = {"wamid.revoke": "recorded:revoke", "wamid.ann.borrar": "suppressed:revoked"}
    assert await ends(assistant) == recorded
    await assistant.receive(deletion("borrar"))
    assert await ends(assistant) == recorded, "a copy changes nothing"
    await assistant.receive(incoming("otra"))
    assert [reply.text for reply in await assistant.replies()] == ["echo otra"]


async def test_the_turn_goes_on_without_the_deleted_message(assistant: RunningAssistant) -> None:
    gate = assistant.model.close()
    await assistant.receive(incoming("una"), incoming("borrar"))
    await assistant.wait_for_calls(1)
    await assistant.receive(deletion("borrar"))
    await assistant.wait_for_calls(2)
    gate.set()
    [reply] = await assistant.replies()
    assert (reply.text, reply.answers) == ("echo una", ("wamid.ann.una",))
    assert (await ends(assistant))["wamid.ann.borrar"] == "suppressed:revoked"


async def test_what_was_answered_and_then_deleted_leaves_the_history(
    assistant: RunningAssistant,
) -> None:
    await assistant.receive(incoming("mi secreto"))
    await assistant.wait_until_settled()
    await assistant.receive(deletion("mi secreto"), incoming("hola"))
    await assistant.wait_until_settled()
    assert last_input(assistant) == ["hola"]
    assert await assistant.rows("select 1 from message where body like 'mi secreto'") == []
    assert await ends(assistant) == {"wamid.revoke": "recorded:revoke"}


async def test_an_edit_after_the_deletion_brings_nothing_back(assistant: RunningAssistant) -> None:
    await assistant.receive(incoming("borrar"))
    await assistant.wait_until_settled()
    await assistant.receive(deletion("borrar"), edit("borrar", "otra vez"))
    assert len(await assistant.replies()) == 1
    assert (await ends(assistant))["wamid.edit"] == "recorded:edit"


@pytest.mark.parametrize("change", [edit("x", "y"), deletion("x")], ids=["edit", "deletion"])
async def test_a_change_that_meets_the_finish_leaves_each_message_one_end(
    kafka: Broker, new_database: NewDatabase, change: MessageReceived
) -> None:
    """Forty people change their message at the moment at which its answer is stored. All forty are
    one client's, which gets half of the slots."""
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings, slots=200) as assistant:
        people = [f"c{number}" for number in range(40)]
        gate = assistant.model.close()
        await assistant.receive(*(incoming("x", person) for person in people))
        await assistant.wait_for_calls(40)
        gate.set()
        for person in people:
            own = {"contact_id": person, "wamid": f"wamid.change.{person}"}
            named = {"edits" if change.edits else "deletes": f"wamid.{person}.x"}
            await assistant.receive(change.model_copy(update=own | named))
        replies = await assistant.replies()
        answered = [wamid for reply in replies for wamid in reply.answers]
        recorded = await ends(assistant)
        assert len(set(answered)) == len(answered)
        assert not set(answered) & set(recorded)
        assert len(answered) + len(recorded) == 80
