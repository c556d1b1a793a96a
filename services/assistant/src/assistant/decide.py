"""What a turn leads to, before and after the model was asked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from assistant.budget import BudgetLimit
from assistant.commands import command_of, last_command
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.retry import seconds_until_retry
from assistant.texts import budget_text, fallback_text, notice
from assistant.turn_context import TurnContext
from common.command_words import Command
from common.events import BUDGET_REACHED, AssistantConfig, OutcomeName, TenantConfig
from common.work import Done, Dropped, Later, Outcome

ANSWER_WINDOW = timedelta(hours=23)  # WhatsApp's window is 24 h; the rest is for the sender
CONFIG_TRIES = 10  # one a second: a message may arrive before its client or assistant is known here


@dataclass(frozen=True, slots=True)
class AskModel:
    """The model is to be asked. `command`: whose notice goes before the answer."""

    tenant: TenantConfig
    assistant: AssistantConfig
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the turn answers. `command`: what the contact asked for with a command word.

    handover_minutes: how long a handover lasts; 0: until it is resumed. failure: why there is no
    answer of the model; the messages end as failed with it, or as suppressed for a spent budget.
    budget_text_on: the client's day, where the text says that a budget is spent.
    """

    kind: Literal["answer", "fallback", "notice"]
    text: str
    command: Command | None = None
    failure: str | None = None
    handover_minutes: int = 0
    budget_text_on: date | None = None


@dataclass(frozen=True, slots=True)
class NoReply:
    """No reply: the outcome that the turn's messages get."""

    outcome: OutcomeName
    reason: str


TurnResult = Reply | NoReply


def before_asking(
    turn: TurnContext,
    tries: int,
    tenant: TenantConfig | None,
    assistant: AssistantConfig | None,
    now: datetime,
) -> AskModel | Outcome[TurnResult]:
    if tenant is None or tenant.tenant_id != turn.conversation.tenant_id:
        return without_client(tries)
    if no_reply := inactive_or_too_old(turn, tenant, now):
        return Dropped(no_reply.reason, no_reply)
    command = effective_command(turn, tenant)
    if command and not (command == "opt_in" and asks_something(turn, tenant)):
        return Done(confirmation(command, tenant), "notice")
    if command is None and (no_reply := opted_out_or_handed_over(turn)):
        return Dropped(no_reply.reason, no_reply)
    if assistant is None:
        return with_notice(without_assistant(turn, tenant, tries), tenant, command)
    return AskModel(tenant, assistant, command)


def without_client(tries: int) -> Outcome[TurnResult]:
    """The router may know a new client before this process does."""
    if tries < CONFIG_TRIES:
        return Later(1.0, "client_not_published")
    return Dropped("number_moved", NoReply("suppressed", "number_moved"))


def inactive_or_too_old(turn: TurnContext, tenant: TenantConfig, now: datetime) -> NoReply | None:
    """Reasons that no command of the contact can change."""
    if not tenant.active:
        return NoReply("suppressed", "inactive")
    if now - turn.last_inbound_at > ANSWER_WINDOW:
        return NoReply("suppressed", "too_old")
    return None


def effective_command(turn: TurnContext, tenant: TenantConfig) -> Command | None:
    """The newest one. A command that changes nothing is not confirmed again."""
    command = last_command((message.body for message in turn.pending), tenant.settings)
    if command is None or (command == "opt_in") != turn.conversation.opted_out:
        return None
    if command == "handover" and turn.conversation.handed_over:
        return None
    return command


def asks_something(turn: TurnContext, tenant: TenantConfig) -> bool:
    """Whether a message is more than a command."""
    return any(command_of(message.body, tenant.settings) is None for message in turn.pending)


def confirmation(command: Command, tenant: TenantConfig) -> Reply:
    settings = tenant.settings
    text = notice(command, settings.language)
    return Reply("notice", text, command=command, handover_minutes=settings.handover_minutes)


def with_notice(
    outcome: Outcome[TurnResult], tenant: TenantConfig, command: Command | None
) -> Outcome[TurnResult]:
    """A reply that also answers a command begins with its notice; where there is none, the notice
    is the reply."""
    if command is None or isinstance(outcome, Later):
        return outcome
    if not isinstance(outcome.result, Reply):
        alone = replace(confirmation(command, tenant), failure=outcome.reason)
        return Done(alone, f"notice:{outcome.reason}")
    text = f"{notice(command, tenant.settings.language)}\n\n{outcome.result.text}"
    return replace(outcome, result=replace(outcome.result, text=text, command=command))


def opted_out_or_handed_over(turn: TurnContext) -> NoReply | None:
    """What an earlier command, or a person, has decided for this conversation."""
    if turn.conversation.opted_out:
        return NoReply("suppressed", "opted_out")
    if turn.conversation.handed_over:
        return NoReply("handed_over", "taken_over")
    return None


def without_assistant(turn: TurnContext, tenant: TenantConfig, tries: int) -> Outcome[TurnResult]:
    if tries < CONFIG_TRIES:
        return Later(1.0, "assistant_not_published")
    return fallback(turn, tenant, "assistant_not_published")


def over_budget(
    turn: TurnContext, tenant: TenantConfig, limit: BudgetLimit, today: date
) -> Outcome[TurnResult]:
    """The contact is told once in the limit's period. today: in the client's time zone."""
    told = turn.conversation.budget_text_on
    if told and told >= limit.begin(today):
        return Dropped(BUDGET_REACHED, NoReply("suppressed", BUDGET_REACHED))
    text = budget_text(tenant.settings)
    reply = Reply("notice", text, failure=BUDGET_REACHED, budget_text_on=today)
    return Done(reply, f"notice:{BUDGET_REACHED}")


def after_asking(
    answer: ModelAnswer | ModelFailure,
    turn: TurnContext,
    tries: int,
    seconds: float,
    tenant: TenantConfig,
    random: Callable[[], float],
) -> Outcome[TurnResult]:
    """A failure is tried again while that can help; then the contact gets the fallback text.

    seconds: since the turn's first claim. random: from 0 to 1.
    """
    if isinstance(answer, ModelAnswer):
        return Done(Reply("answer", answer.text))
    wait = seconds_until_retry(answer, tries, seconds, random)
    if wait is not None:
        return Later(wait, answer.reason)
    return fallback(turn, tenant, answer.reason)


def after_bug(
    turn: TurnContext, reason: str, tenant: TenantConfig | None, now: datetime
) -> TurnResult:
    """Our own code failed again and again: the contact gets the fallback text all the same."""
    if tenant is None or tenant.tenant_id != turn.conversation.tenant_id:
        return NoReply("failed", reason)
    no_reply = inactive_or_too_old(turn, tenant, now)
    return no_reply or failed_reply(turn, tenant, reason)


def fallback(turn: TurnContext, tenant: TenantConfig, reason: str) -> Outcome[TurnResult]:
    result = failed_reply(turn, tenant, reason)
    if isinstance(result, NoReply):
        return Dropped(reason, result)
    return Done(result, f"fallback:{reason}")


def failed_reply(turn: TurnContext, tenant: TenantConfig, reason: str) -> TurnResult:
    """The fallback text, unless the conversation had it lately: nobody reads it twice in a row."""
    if turn.conversation.had_fallback:
        return NoReply("failed", reason)
    return Reply("fallback", fallback_text(tenant.settings), failure=reason)
