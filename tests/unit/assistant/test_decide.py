"""What a turn leads to."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.support.builders import NOON, a_tenant, an_assistant
from tests.support.turns import a_turn

from assistant.budget import LIMITS, BudgetLimit
from assistant.conversation_changes import ConversationChange
from assistant.decide import (
    AskModel,
    after_asking,
    after_bug,
    before_asking,
    confirmation,
    over_budget,
)
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.preface import Preface, with_preface
from assistant.results import NoReply, Reply, TurnResult
from assistant.texts import BUDGET_TEXTS, notice
from assistant.turn_context import TurnContext
from common.events import TenantConfig
from common.work import Done, Dropped, Later

TENANT, ASSISTANT = a_tenant(), an_assistant()
STOP = a_tenant(settings={"handoff_words": ["humano"], "language": "en"})
STOPPED = ConversationChange("loop_stopped", "system", NOON + timedelta(hours=1))
LOOP_STOPPED = Dropped("loop", NoReply("suppressed", "loop", (STOPPED,)))
MUCH_LATER = NOON + timedelta(minutes=2)


def half() -> float:
    return 0.5


def no_reply(outcome: str, reason: str) -> Dropped[NoReply]:
    return Dropped(reason, NoReply(outcome, reason))  # type: ignore[arg-type]


def apology(reason: str) -> Reply:
    text = TENANT.settings.fallback_text
    return Reply("fallback", text, failure=reason, notes=("fallback",), valid_minutes=30)


def test_an_ordinary_turn_asks_the_model() -> None:
    assert before_asking(a_turn(), 1, TENANT, ASSISTANT, NOON) == AskModel(
        TENANT, ASSISTANT, Preface()
    )


@pytest.mark.parametrize(
    ("turn", "tenant", "expected"),
    [
        (a_turn(), a_tenant(active=False), no_reply("suppressed", "inactive")),
        (a_turn("STOP"), a_tenant(active=False), no_reply("suppressed", "inactive")),
        (a_turn(opted_out=True), TENANT, no_reply("suppressed", "opted_out")),
        (a_turn("stop", opted_out=True), TENANT, no_reply("suppressed", "opted_out")),
        (a_turn("humano", opted_out=True), STOP, no_reply("suppressed", "opted_out")),
        (a_turn(in_loop=True), TENANT, no_reply("suppressed", "loop")),
        (a_turn(is_busy=True), TENANT, LOOP_STOPPED),
    ],
)
def test_no_reply_has_an_outcome_with_its_reason(
    turn: TurnContext, tenant: TenantConfig, expected: Dropped[NoReply]
) -> None:
    assert before_asking(turn, 1, tenant, ASSISTANT, NOON) == expected


@pytest.mark.parametrize(
    ("until", "seconds"),
    [(NOON + timedelta(minutes=30), 1800.0), (NOON, 1.0), (NOON + timedelta(days=1), 82_801.0)],
)
def test_a_message_waits_for_the_end_of_a_handover_as_long_as_it_can_be_answered(
    until: datetime, seconds: float
) -> None:
    for text in ("hola", "humano"):
        turn = a_turn(text, handed_over=True, taken_over_until=until)
        assert before_asking(turn, 1, STOP, ASSISTANT, NOON) == Later(seconds, "taken_over")


def test_a_message_that_waited_too_long_for_a_person_ends_as_handed_over() -> None:
    turn, later = a_turn(handed_over=True), NOON + timedelta(hours=23.1)
    expected = no_reply("handed_over", "taken_over")
    assert before_asking(turn, 1, TENANT, ASSISTANT, later) == expected


@pytest.mark.parametrize(
    ("conversation", "has_effect"),
    [
        ({"opted_out": True}, True),
        ({"handed_over": True}, True),
        ({"opted_out": True, "handed_over": True}, True),
        ({}, False),
    ],
)
def test_the_opt_in_word_also_ends_a_handover(
    conversation: dict[str, bool], has_effect: bool
) -> None:
    decision = before_asking(a_turn("start", **conversation), 1, STOP, ASSISTANT, NOON)
    assert (isinstance(decision, Done) and decision.reason == "notice") is has_effect
    both = before_asking(a_turn("¿Cuánto?", "start", **conversation), 1, STOP, ASSISTANT, NOON)
    assert isinstance(both, AskModel)
    assert both.preface.command == ("opt_in" if has_effect else None)


@pytest.mark.parametrize(("hours", "answered"), [(23, True), (23.1, False)])
def test_a_message_is_answered_for_23_hours(hours: float, answered: bool) -> None:
    decision = before_asking(a_turn(), 1, TENANT, ASSISTANT, NOON + timedelta(hours=hours))
    expected = (
        AskModel(TENANT, ASSISTANT, Preface()) if answered else no_reply("suppressed", "too_old")
    )
    assert decision == expected


@pytest.mark.parametrize(
    ("turn", "command"),
    [
        (a_turn("STOP"), "opt_out"),
        (a_turn("start", opted_out=True), "opt_in"),
        (a_turn("humano"), "handover"),
        (a_turn("stop", handed_over=True), "opt_out"),
        (a_turn("¿Tienen mesa?", "humano"), "handover"),
        (a_turn("stop", "¿Y el precio?"), "opt_out"),
    ],
)
def test_a_command_that_changes_something_is_confirmed(turn: TurnContext, command: str) -> None:
    decision = before_asking(turn, 1, STOP, ASSISTANT, NOON)
    assert isinstance(decision, Done)
    assert isinstance(decision.result, Reply)
    assert (decision.result.kind, decision.result.command) == ("notice", command)


ANSWER: Done[TurnResult] = Done(Reply("answer", "At nine."))
WELCOME = notice("opt_in", "en")


OPT_IN = Preface((WELCOME,), "opt_in")


def opt_in_with(kind: str, text: str, failure: str | None = None, **fields: Any) -> Reply:
    reply = Reply(kind, text, command="opt_in", failure=failure, **fields)  # type: ignore[arg-type]
    return replace(reply, preface=(WELCOME,))


@pytest.mark.parametrize("texts", [("start", "When do you open?"), ("When do you open?", "START")])
def test_who_comes_back_with_a_question_gets_the_notice_and_the_answer(
    texts: tuple[str, ...],
) -> None:
    decision = before_asking(a_turn(*texts, opted_out=True), 1, STOP, ASSISTANT, NOON)
    assert decision == AskModel(STOP, ASSISTANT, OPT_IN)
    answered = with_preface(ANSWER, OPT_IN, STOP).result
    assert answered == opt_in_with("answer", "At nine.")
    assert isinstance(answered, Reply)
    assert answered.whole_text == f"{WELCOME}\n\nAt nine."


def test_who_comes_back_is_welcomed_also_where_the_model_cannot_be_asked() -> None:
    turn = a_turn("start", "When do you open?", opted_out=True)
    text = "I can't answer right now. We will reply as soon as possible."
    ends = before_asking(turn, 20, STOP, None, MUCH_LATER)
    reason, notes = "assistant_not_published", ("fallback",)
    reply = opt_in_with("fallback", text, reason, notes=notes, valid_minutes=30)
    assert ends == Done(reply, f"fallback:{reason}")
    failure = after_asking(ModelFailure("http_500"), turn, 1, 0.0, STOP, half)
    reply = opt_in_with("fallback", text, "http_500", notes=notes, valid_minutes=30)
    assert with_preface(failure, OPT_IN, STOP) == Done(reply, "fallback:http_500")
    again = after_asking(ModelFailure("http_500"), a_turn(had_fallback=True), 1, 0.0, STOP, half)
    alone = with_preface(again, OPT_IN, STOP)
    assert alone.result == replace(confirmation("opt_in", STOP), failure="http_500")
    waits: Later[TurnResult] = Later(1.0, "http_500")
    assert with_preface(waits, OPT_IN, STOP) is waits


@pytest.mark.parametrize(
    ("settings", "minutes"), [({}, 60), ({"handover_minutes": 0}, 0), ({"handover_minutes": 5}, 5)]
)
def test_a_handover_lasts_as_long_as_the_client_wants(
    settings: dict[str, int], minutes: int
) -> None:
    decision = before_asking(a_turn("humano"), 1, a_tenant(settings=settings), ASSISTANT, NOON)
    assert isinstance(decision, Done)
    assert isinstance(decision.result, Reply)
    assert decision.result.handover_minutes == minutes


def test_start_is_an_ordinary_word_for_a_contact_who_never_stopped() -> None:
    assert isinstance(before_asking(a_turn("start"), 1, TENANT, ASSISTANT, NOON), AskModel)


@pytest.mark.parametrize("tenant", [None, a_tenant(tenant_id=2)])
def test_a_client_may_be_published_after_its_first_message(tenant: TenantConfig | None) -> None:
    waits = before_asking(a_turn(), 1, tenant, ASSISTANT, NOON)
    assert waits == Later(1.0, "client_not_published")
    ends = before_asking(a_turn(), 20, tenant, ASSISTANT, MUCH_LATER)
    assert ends == no_reply("suppressed", "number_moved")


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1.0), (7, 7.0), (50, 10.0)])
def test_an_assistant_is_awaited_also_while_the_broker_is_away(tries: int, seconds: float) -> None:
    waits = before_asking(a_turn(), tries, TENANT, None, NOON + timedelta(seconds=119))
    assert waits == Later(seconds, "assistant_not_published")


def test_an_assistant_that_nobody_published_ends_in_the_fallback_text() -> None:
    ends = before_asking(a_turn(), 20, TENANT, None, MUCH_LATER)
    assert isinstance(ends, Done)
    assert ends.reason == "fallback:assistant_not_published"


def test_a_spent_budget_is_said_once_in_its_period() -> None:
    day, month = LIMITS[0], LIMITS[1]
    today = NOON.date()

    def decision(limit: BudgetLimit, told: date | None) -> object:
        return over_budget(a_turn(budget_text_on=told), TENANT, limit, today)

    def told_of(limit: BudgetLimit) -> Done[Reply]:
        reached = ConversationChange("budget_reached", "system", reason=limit.setting)
        reply = Reply(
            "notice", BUDGET_TEXTS["es"], failure="suppressed:budget", budget_text_on=today
        )
        return Done(replace(reply, changes=(reached,)), "notice:budget")

    yesterday, last_month = today - timedelta(days=1), today.replace(day=1) - timedelta(days=1)
    assert decision(day, None) == decision(day, yesterday) == told_of(day)
    assert decision(month, last_month) == told_of(month)
    silent = no_reply("suppressed", "budget")
    assert decision(day, today) == decision(month, yesterday) == silent


def test_a_clients_own_words_say_that_its_budget_is_spent() -> None:
    tenant = a_tenant(settings={"budget_text": "Mañana seguimos."})
    done = over_budget(a_turn(), tenant, LIMITS[0], NOON.date())
    assert isinstance(done, Done)
    assert isinstance(done.result, Reply)
    assert done.result.text == "Mañana seguimos."


def test_an_answer_is_a_reply() -> None:
    decision = after_asking(ModelAnswer("hola", Usage("m")), a_turn(), 1, 0.0, TENANT, half)
    assert decision == Done(Reply("answer", "hola", valid_minutes=30))


def test_a_failure_that_may_pass_is_tried_again() -> None:
    decision = after_asking(ModelFailure("http_500", "transient"), a_turn(), 1, 0.0, TENANT, half)
    assert decision == Later(0.5, "http_500")


@pytest.mark.parametrize("said", ["", "Un momento."])
def test_a_model_that_hands_over_ends_like_a_contact_who_asked(said: str) -> None:
    answer = ModelAnswer(said, Usage("m", 1, 0, 2), handover="wants a refund")
    decision = after_asking(answer, a_turn(), 1, 0.0, TENANT, half)
    confirmed = confirmation("handover", TENANT)
    reason = "wants a refund"
    reply = replace(confirmed, model_text=said, tool_reason=reason)
    assert decision == Done(reply, "handed_over")


def test_a_failure_that_stays_leads_to_the_fallback() -> None:
    decision = after_asking(ModelFailure("refusal"), a_turn(), 1, 0.0, TENANT, half)
    assert decision == Done(apology("refusal"), "fallback:refusal")


def test_the_fallback_comes_once_in_a_while_and_then_silence_says_why() -> None:
    failure = ModelFailure("billing:insufficient_quota", "account")
    decision = after_asking(failure, a_turn(had_fallback=True), 1, 0.0, TENANT, half)
    assert decision == no_reply("failed", failure.reason)


@pytest.mark.parametrize(
    ("turn", "tenant", "now", "expected"),
    [
        (a_turn(), TENANT, NOON, apology("always_fails:KeyError")),
        (a_turn(had_fallback=True), TENANT, NOON, NoReply("failed", "always_fails:KeyError")),
        (a_turn(), None, NOON, NoReply("failed", "always_fails:KeyError")),
        (a_turn(), a_tenant(tenant_id=2), NOON, NoReply("failed", "always_fails:KeyError")),
        (a_turn(), a_tenant(active=False), NOON, NoReply("suppressed", "inactive")),
        (a_turn(), TENANT, NOON + timedelta(days=1), NoReply("suppressed", "too_old")),
    ],
)
def test_a_bug_of_ours_ends_like_a_failure_of_the_model(
    turn: TurnContext, tenant: TenantConfig | None, now: datetime, expected: Reply | NoReply
) -> None:
    assert after_bug(turn, "always_fails:KeyError", tenant, now) == expected
