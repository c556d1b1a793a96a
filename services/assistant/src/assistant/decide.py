"""What a turn leads to, before and after the model was asked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from assistant.commands import Command, last_command, notice
from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from assistant.openai.retry import seconds_until_retry
from assistant.turn_context import TurnContext
from common.events import AssistantConfig, OutcomeName, TenantConfig
from common.work import Done, Dropped, Later, Outcome

ANSWER_WINDOW = timedelta(hours=23)  # WhatsApp's window is 24 h; the rest is for the sender
CONFIG_TRIES = 10  # one a second: a message may arrive before its client or assistant is known here


@dataclass(frozen=True, slots=True)
class AskModel:
    """The model is to be asked."""

    tenant: TenantConfig
    assistant: AssistantConfig


@dataclass(frozen=True, slots=True)
class Reply:
    """What the turn answers. `command`: what the contact asked for with a command word."""

    kind: Literal["answer", "fallback", "notice"]
    text: str
    usage: Usage | None = None
    command: Command | None = None


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
    if confirmation := command_reply(turn, tenant):
        return Done(confirmation, "notice")
    if no_reply := opted_out_or_handed_over(turn):
        return Dropped(no_reply.reason, no_reply)
    if assistant is None:
        return without_assistant(tenant, tries)
    if over_budget(turn, tenant):
        return fallback(tenant, "over_budget")
    return AskModel(tenant, assistant)


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


def command_reply(turn: TurnContext, tenant: TenantConfig) -> Reply | None:
    """A command that changes nothing is not confirmed again."""
    settings = tenant.settings
    command = last_command((message.body for message in turn.pending), settings)
    if command is None or (command == "opt_in") != turn.conversation.opted_out:
        return None
    if command == "handover" and turn.conversation.handed_over:
        return None
    return Reply("notice", notice(command, settings.language), command=command)


def opted_out_or_handed_over(turn: TurnContext) -> NoReply | None:
    """What an earlier command, or a person, has decided for this conversation."""
    if turn.conversation.opted_out:
        return NoReply("suppressed", "opted_out")
    if turn.conversation.handed_over:
        return NoReply("handed_over", "taken_over")
    return None


def without_assistant(tenant: TenantConfig, tries: int) -> Outcome[TurnResult]:
    if tries < CONFIG_TRIES:
        return Later(1.0, "assistant_not_published")
    return fallback(tenant, "assistant_not_published")


def over_budget(turn: TurnContext, tenant: TenantConfig) -> bool:
    budget = tenant.settings.daily_token_budget
    return budget is not None and turn.tokens_today >= budget


def after_asking(
    answer: ModelAnswer | ModelFailure,
    tries: int,
    seconds: float,
    tenant: TenantConfig,
    random: Callable[[], float],
) -> Outcome[TurnResult]:
    """A failure is tried again while that can help; then the contact gets the fallback text.

    seconds: since the turn's first claim. random: from 0 to 1.
    """
    if isinstance(answer, ModelAnswer):
        return Done(Reply("answer", answer.text, answer.usage))
    wait = seconds_until_retry(answer, tries, seconds, random)
    if wait is not None:
        return Later(wait, answer.reason)
    return fallback(tenant, answer.reason, answer.usage)


def fallback(tenant: TenantConfig, reason: str, usage: Usage | None = None) -> Done[TurnResult]:
    return Done(Reply("fallback", tenant.settings.fallback_text, usage), f"fallback:{reason}")
