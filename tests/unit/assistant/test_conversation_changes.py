"""Which changes a finished turn makes of its conversation."""

from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import CONTACT, NOON, NUMBER, TRACE
from tests.support.turns import a_turn

from assistant.conversation_changes import (
    ChangedConversation,
    ConversationChange,
    change_draft,
    change_statements,
    handover_end,
)
from assistant.results import FinishedTurn, NoReply, Reply
from assistant.turn_events import changes_of
from common.events import ConversationChanged
from common.topics import CONVERSATIONS_EVENTS

ENDED = {"taken_over_until": NOON - timedelta(minutes=1)}
BUDGET = ConversationChange("budget_reached", "system", reason="day")


def changes(result: Reply | NoReply, **conversation: Any) -> list[tuple[str, str]]:
    finished = FinishedTurn(a_turn(**conversation), result)
    return [(change.what, change.by) for change in changes_of(finished, NOON)]


@pytest.mark.parametrize(
    ("conversation", "result", "expected"),
    [
        ({}, Reply("answer", "Sí."), []),
        ({}, Reply("notice", "-", command="opt_out"), [("opted_out", "contact")]),
        ({}, Reply("notice", "-", command="handover"), [("handed_over", "contact")]),
        ({}, Reply("notice", "-", command="handover", tool_reason=""), [("handed_over", "tool")]),
        (
            {"opted_out": True},
            Reply("notice", "-", command="opt_in"),
            [("opted_in", "contact")],
        ),
        (
            {"handed_over": True},
            Reply("answer", "-", command="opt_in"),
            [("resumed", "contact")],
        ),
        (
            {"opted_out": True, "handed_over": True},
            Reply("notice", "-", command="opt_in"),
            [("opted_in", "contact"), ("resumed", "contact")],
        ),
        (ENDED, Reply("answer", "Sí."), [("resumed", "timeout")]),
        (ENDED, NoReply("suppressed", "opted_out"), [("resumed", "timeout")]),
        (ENDED, NoReply("handed_over", "taken_over"), []),
        (
            ENDED,
            Reply("notice", "-", command="handover"),
            [("resumed", "timeout"), ("handed_over", "contact")],
        ),
        ({}, Reply("fallback", "-", changes=(BUDGET,)), [("budget_reached", "system")]),
        ({}, NoReply("suppressed", "-", (BUDGET,)), [("budget_reached", "system")]),
    ],
)
def test_a_turn_changes_its_conversation(
    conversation: dict[str, Any], result: Reply | NoReply, expected: list[tuple[str, str]]
) -> None:
    assert changes(result, **conversation) == expected


def test_a_handover_that_begins_is_stored_after_one_that_ends() -> None:
    begins = ConversationChange("handed_over", "contact", NOON)
    ends = ConversationChange("resumed", "timeout")
    written = change_statements([(7, begins), (7, ends), (8, BUDGET)])
    assert [values["ids"] for _, values in written] == [[7], [7]]
    assert "taken_over_until = null" in written[0][0]
    assert written[1][1]["until"] == [NOON]


@pytest.mark.parametrize(("minutes", "until"), [(30, NOON + timedelta(minutes=30)), (0, None)])
def test_zero_minutes_have_no_end(minutes: int, until: Any) -> None:
    assert handover_end(NOON, minutes) == until


def test_the_event_of_a_change_is_the_same_however_often_it_is_made() -> None:
    def made(cause: str, change: ConversationChange = BUDGET) -> ConversationChanged:
        changed = ChangedConversation(1, NUMBER, CONTACT, TRACE, cause)
        draft = change_draft(changed, change, NOON)
        assert (draft.topic, draft.key) == (CONVERSATIONS_EVENTS, f"{NUMBER}:{CONTACT}")
        assert isinstance(draft.event, ConversationChanged)
        return draft.event

    assert made("turn:1:3") == made("turn:1:3")
    assert made("turn:1:3").reason == "day"
    others = [made("turn:1:4"), made("turn:1:3", ConversationChange("resumed", "timeout"))]
    assert len({event.event_id for event in [made("turn:1:3"), *others]}) == 3
