"""What a turn leads to."""

from datetime import timedelta

import pytest
from tests.support.builders import NOON, a_tenant, an_assistant
from tests.support.turns import a_turn

from assistant.decide import AskModel, NoReply, Reply, after_asking, before_asking
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.turn_context import TurnContext
from common.events import TenantConfig
from common.work import Done, Dropped, Later

TENANT, ASSISTANT = a_tenant(), an_assistant()
STOP = a_tenant(settings={"handoff_words": ["humano"], "language": "en"})


def half() -> float:
    return 0.5


def no_reply(outcome: str, reason: str) -> Dropped[NoReply]:
    return Dropped(reason, NoReply(outcome, reason))  # type: ignore[arg-type]


def test_an_ordinary_turn_asks_the_model() -> None:
    assert before_asking(a_turn(), 1, TENANT, ASSISTANT, NOON) == AskModel(TENANT, ASSISTANT)


@pytest.mark.parametrize(
    ("turn", "tenant", "expected"),
    [
        (a_turn(), a_tenant(active=False), no_reply("suppressed", "inactive")),
        (a_turn("STOP"), a_tenant(active=False), no_reply("suppressed", "inactive")),
        (a_turn(opted_out=True), TENANT, no_reply("suppressed", "opted_out")),
        (a_turn(handed_over=True), TENANT, no_reply("handed_over", "taken_over")),
        (a_turn("stop", opted_out=True), TENANT, no_reply("suppressed", "opted_out")),
        (a_turn("humano", opted_out=True), STOP, no_reply("suppressed", "opted_out")),
        (a_turn("humano", handed_over=True), STOP, no_reply("handed_over", "taken_over")),
    ],
)
def test_no_reply_has_an_outcome_with_its_reason(
    turn: TurnContext, tenant: TenantConfig, expected: Dropped[NoReply]
) -> None:
    assert before_asking(turn, 1, tenant, ASSISTANT, NOON) == expected


@pytest.mark.parametrize(("hours", "answered"), [(23, True), (23.1, False)])
def test_a_message_is_answered_for_23_hours(hours: float, answered: bool) -> None:
    decision = before_asking(a_turn(), 1, TENANT, ASSISTANT, NOON + timedelta(hours=hours))
    expected = AskModel(TENANT, ASSISTANT) if answered else no_reply("suppressed", "too_old")
    assert decision == expected


@pytest.mark.parametrize(
    ("turn", "command"),
    [
        (a_turn("STOP"), "opt_out"),
        (a_turn("start", opted_out=True), "opt_in"),
        (a_turn("humano"), "handover"),
        (a_turn("stop", handed_over=True), "opt_out"),
    ],
)
def test_a_command_that_changes_something_is_confirmed(turn: TurnContext, command: str) -> None:
    decision = before_asking(turn, 1, STOP, ASSISTANT, NOON)
    assert isinstance(decision, Done)
    assert isinstance(decision.result, Reply)
    assert (decision.result.kind, decision.result.command) == ("notice", command)


def test_start_is_an_ordinary_word_for_a_contact_who_never_stopped() -> None:
    assert isinstance(before_asking(a_turn("start"), 1, TENANT, ASSISTANT, NOON), AskModel)


@pytest.mark.parametrize("tenant", [None, a_tenant(tenant_id=2)])
def test_a_client_may_be_published_after_its_first_message(tenant: TenantConfig | None) -> None:
    waits = before_asking(a_turn(), 9, tenant, ASSISTANT, NOON)
    assert waits == Later(1.0, "client_not_published")
    ends = before_asking(a_turn(), 10, tenant, ASSISTANT, NOON)
    assert ends == no_reply("suppressed", "number_moved")


def test_an_assistant_is_awaited_then_the_fallback_is_sent() -> None:
    assert before_asking(a_turn(), 9, TENANT, None, NOON) == Later(1.0, "assistant_not_published")
    ends = before_asking(a_turn(), 10, TENANT, None, NOON)
    assert isinstance(ends, Done)
    assert ends.reason == "fallback:assistant_not_published"


@pytest.mark.parametrize(("used", "asks"), [(99, True), (100, False)])
def test_a_budget_ends_the_days_questions(used: int, asks: bool) -> None:
    tenant = a_tenant(settings={"daily_token_budget": 100})
    decision = before_asking(a_turn(tokens_today=used), 1, tenant, ASSISTANT, NOON)
    assert isinstance(decision, AskModel) is asks


def test_an_answer_is_a_reply_with_its_usage() -> None:
    usage = Usage("m", 1, 0, 2)
    decision = after_asking(ModelAnswer("hola", usage), 1, 0.0, TENANT, half)
    assert decision == Done(Reply("answer", "hola", usage))


def test_a_failure_that_may_pass_is_tried_again() -> None:
    decision = after_asking(ModelFailure("http_500", "transient"), 1, 0.0, TENANT, half)
    assert decision == Later(0.5, "http_500")


def test_a_failure_that_stays_leads_to_the_fallback_with_what_it_cost() -> None:
    usage = Usage("m", 1, 0, 2)
    decision = after_asking(ModelFailure("refusal", usage=usage), 1, 0.0, TENANT, half)
    text = TENANT.settings.fallback_text
    assert decision == Done(Reply("fallback", text, usage), "fallback:refusal")
