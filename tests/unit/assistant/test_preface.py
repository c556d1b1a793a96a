"""What is said before, or instead of, an answer: closed, too late, an AI answers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, a_tenant, an_assistant
from tests.support.turns import a_turn

from assistant.decide import AskModel, before_asking
from assistant.preface import Preface, with_disclosure
from assistant.results import NoReply, Reply, TurnResult
from assistant.texts import disclosure_text, stale_text
from common.work import Done, Dropped, Later, Outcome

ASSISTANT = an_assistant()
CLOSED = "We are closed until nine."
# NOON is one o'clock in Madrid.
SHUT = [{"weekday": day, "opens": "09:00", "closes": "11:00"} for day in range(1, 8)]
OPEN = [{"weekday": day, "opens": "09:00", "closes": "20:00"} for day in range(1, 8)]
LUNCH = NOON - timedelta(hours=1, minutes=59)  # a minute after closing
MORNING = NOON - timedelta(hours=3)


def closed(**settings: Any) -> dict[str, Any]:
    return {"business_hours": SHUT, "closed_text": CLOSED, **settings}


def asks(preface: Preface, settings: dict[str, Any]) -> AskModel:
    return AskModel(a_tenant(settings=settings), ASSISTANT, preface)


def said(text: str, reason: str, **fields: Any) -> Done[Reply]:
    return Done(Reply("notice", text, **fields), reason)


TELLS_CLOSED = Preface((CLOSED,), notes=("closed_text",))
TOLD = {"notes": ("closed_text",), "handover_minutes": 60}


@pytest.mark.parametrize(
    ("settings", "told_at", "expected"),
    [
        (closed(), None, asks(TELLS_CLOSED, closed())),
        (closed(), MORNING, asks(TELLS_CLOSED, closed())),
        (closed(), LUNCH, asks(Preface(), closed())),
        (closed(business_hours=OPEN), None, asks(Preface(), closed(business_hours=OPEN))),
        (closed(business_hours=[]), None, asks(Preface(), closed(business_hours=[]))),
        (closed(closed_text=None), None, asks(Preface(), closed(closed_text=None))),
        (closed(closed_mode="silence"), None, said(CLOSED, "closed", **TOLD)),
        (
            closed(closed_mode="silence"),
            LUNCH,
            Dropped("closed", NoReply("suppressed", "closed")),
        ),
        (
            closed(closed_mode="silence", closed_text=None),
            None,
            Dropped("closed", NoReply("suppressed", "closed")),
        ),
    ],
)
def test_a_closed_business_says_so_once_and_then_answers_or_is_silent(
    settings: dict[str, Any], told_at: Any, expected: AskModel | Outcome[TurnResult]
) -> None:
    turn = a_turn(closed_text_at=told_at)
    assert before_asking(turn, 1, a_tenant(settings=settings), ASSISTANT, NOON) == expected


@pytest.mark.parametrize(
    ("mode", "minutes", "expected"),
    [
        ("text", 31, said(stale_text("es"), "stale")),
        ("silence", 31, Dropped("stale", NoReply("suppressed", "stale"))),
        ("text", 30, None),
        ("silence", 30, None),
        ("model", 31, None),
    ],
)
def test_what_comes_too_late_is_answered_as_the_client_wants(
    mode: str, minutes: int, expected: Outcome[TurnResult] | None
) -> None:
    tenant = a_tenant(settings={"stale_mode": mode})
    now = NOON + timedelta(minutes=minutes)
    decision = before_asking(a_turn(), 1, tenant, ASSISTANT, now)
    assert decision == (expected or AskModel(tenant, ASSISTANT, Preface()))


def test_a_command_is_obeyed_also_when_it_comes_late_or_at_night() -> None:
    settings = closed(closed_mode="silence", stale_mode="silence")
    decision = before_asking(
        a_turn("stop"), 1, a_tenant(settings=settings), ASSISTANT, NOON + timedelta(hours=2)
    )
    assert isinstance(decision, Done)
    assert isinstance(decision.result, Reply)
    assert decision.result.command == "opt_out"


ANSWER = Reply("answer", "Hola, ¿qué desea?")


def markdown_in(reply: Reply) -> str | None:
    return None if reply.markdown is None else reply.whole_text[slice(*reply.markdown)]


def test_only_what_the_model_said_is_markdown() -> None:
    told = Reply("notice", "*Enseguida* le atendemos.", preface=("*Aviso*",))
    assert markdown_in(told) is None
    assert markdown_in(replace(told, model_text="**Un momento.**")) == "**Un momento.**"
    assert markdown_in(replace(told, kind="fallback")) is None
    assert markdown_in(replace(told, kind="answer")) == "*Enseguida* le atendemos."


def test_the_first_answer_says_that_an_ai_answers() -> None:
    tenant, stranger = a_tenant(), a_turn(disclosed=False).conversation
    told = with_disclosure(Done(ANSWER), stranger, tenant).result
    assert isinstance(told, Reply)
    assert told.whole_text == f"{disclosure_text(tenant)}\n\nHola, ¿qué desea?"
    assert told.text == ANSWER.text, "the model's history holds its own words alone"
    assert markdown_in(told) == ANSWER.text
    assert [change.what for change in told.changes] == ["disclosed"]


@pytest.mark.parametrize(
    ("outcome", "disclosed", "settings"),
    [
        (Done(ANSWER), True, {}),
        (Done(ANSWER), False, {"disclosure_text": ""}),
        (Done(replace(ANSWER, kind="fallback")), False, {}),
        (Done(replace(ANSWER, kind="notice")), False, {}),
        (Dropped("loop", NoReply("suppressed", "loop")), False, {}),
        (Later(1.0, "http_500"), False, {}),
    ],
)
def test_nobody_is_told_again_nor_where_no_ai_answers(
    outcome: Outcome[TurnResult], disclosed: bool, settings: dict[str, str]
) -> None:
    conversation = a_turn(disclosed=disclosed).conversation
    assert with_disclosure(outcome, conversation, a_tenant(settings=settings)) is outcome
