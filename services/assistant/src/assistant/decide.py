"""What a turn leads to, before and after the model was asked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from assistant.budget import BudgetLimit
from assistant.commands import command_of, last_command
from assistant.conversation_changes import ConversationChange
from assistant.loop_guard import LOOP_TIME, is_loop
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.retry import TURN_SECONDS, seconds_until_retry
from assistant.preface import Preface, closed_at, preface_alone, preface_of, with_preface
from assistant.prompt import is_stale
from assistant.reply_choices import choices_of, whole_text_of
from assistant.results import NoReply, Reply, TurnResult
from assistant.texts import budget_text, fallback_text, notice, stale_text
from assistant.thanks import asks_nothing
from assistant.turn_context import PUT_OFF, Conversation, TurnContext
from common.command_words import Command
from common.events import AssistantConfig, TenantConfig, TenantSettings
from common.work import Done, Dropped, Later, Outcome

ANSWER_WINDOW = timedelta(hours=23)  # WhatsApp's window is 24 h; the rest is for the sender
# A message may arrive before its client or assistant is known here; long after it where the broker
# is away.
CONFIG_LIMIT, LONGEST_CONFIG_WAIT = timedelta(minutes=2), 10.0


@dataclass(frozen=True, slots=True)
class AskModel:
    """The model is to be asked. preface: what goes before its answer."""

    tenant: TenantConfig
    assistant: AssistantConfig
    preface: Preface


def before_asking(
    turn: TurnContext,
    tries: int,
    tenant: TenantConfig | None,
    assistant: AssistantConfig | None,
    now: datetime,
) -> AskModel | Outcome[TurnResult]:
    if tenant is None or tenant.tenant_id != turn.conversation.tenant_id:
        return without_client(turn, tries, now)
    if no_reply := inactive_or_too_old(turn, tenant, now):
        return Dropped(no_reply.reason, no_reply)
    command = effective_command(turn, tenant)
    if ended := without_asking(turn, tenant, command, now):
        return ended
    preface = preface_of(turn.conversation, tenant, command, now)
    if answered := without_model(turn, tenant, preface, now):
        return answered
    if assistant is None:
        return with_preface(without_assistant(turn, tenant, tries, now), preface, tenant)
    return AskModel(tenant, assistant, preface)


def without_asking(
    turn: TurnContext, tenant: TenantConfig, command: Command | None, now: datetime
) -> Outcome[TurnResult] | None:
    """A command is confirmed; without one, who has stopped us, or talks to a person, waits."""
    if command is None and turn.conversation.handed_over and not turn.conversation.opted_out:
        return Later(seconds_of_handover(turn, now), PUT_OFF)
    if command is None and (no_reply := silenced(turn, now)):
        return Dropped(no_reply.reason, no_reply)
    if command is None and not tenant.settings.answers_thanks and asks_nothing(turn):
        return Dropped("thanks", NoReply("recorded", "thanks"))
    if command and not (command == "opt_in" and asks_something(turn, tenant)):
        return Done(confirmation(command, tenant), "notice")
    return None


def without_client(turn: TurnContext, tries: int, now: datetime) -> Outcome[TurnResult]:
    """The router may know a new client before this process does."""
    wait = wait_for_config(turn, tries, now, "client_not_published")
    return wait or Dropped("number_moved", NoReply("suppressed", "number_moved"))


def wait_for_config(
    turn: TurnContext, tries: int, now: datetime, reason: str
) -> Outcome[TurnResult] | None:
    """None when it has been awaited for long enough."""
    if now - turn.first_claimed_at >= CONFIG_LIMIT:
        return None
    return Later(min(float(tries), LONGEST_CONFIG_WAIT), reason)


def inactive_or_too_old(turn: TurnContext, tenant: TenantConfig, now: datetime) -> NoReply | None:
    """Reasons that no command of the contact can change."""
    if not tenant.active:
        return NoReply("suppressed", "inactive")
    if now - turn.last_inbound_at <= ANSWER_WINDOW:
        return None
    if turn.conversation.handed_over:
        return NoReply("handed_over", "taken_over")
    return NoReply("suppressed", "too_old")


def seconds_of_handover(turn: TurnContext, now: datetime) -> float:
    """Until it ends, or until nothing that waits can be answered any more. A clock that is behind
    the database's must not look without a pause."""
    answerable_until = turn.last_inbound_at + ANSWER_WINDOW + timedelta(seconds=1)
    until = min(turn.conversation.taken_over_until or answerable_until, answerable_until)
    return max(1.0, (until - now).total_seconds())


def effective_command(turn: TurnContext, tenant: TenantConfig) -> Command | None:
    """The newest one. A command that changes nothing is not confirmed again."""
    command = last_command((message.body for message in turn.pending), tenant.settings)
    return command if command and changes_something(command, turn.conversation) else None


def changes_something(command: Command, conversation: Conversation) -> bool:
    """Who has opted out can only opt in, which also ends a handover."""
    match command:
        case "opt_in":
            return conversation.opted_out or conversation.handed_over
        case "handover":
            return not (conversation.opted_out or conversation.handed_over)
        case "opt_out":
            return not conversation.opted_out


def asks_something(turn: TurnContext, tenant: TenantConfig) -> bool:
    """Whether a message is more than a command."""
    return any(command_of(message.body, tenant.settings) is None for message in turn.pending)


def confirmation(command: Command, tenant: TenantConfig) -> Reply:
    return preface_alone(Preface((notice(command, tenant.settings.language),), command), tenant)


def silenced(turn: TurnContext, now: datetime) -> NoReply | None:
    """What an earlier command or the loop guard has decided for this conversation."""
    if turn.conversation.opted_out:
        return NoReply("suppressed", "opted_out")
    if turn.conversation.in_loop:
        return NoReply("suppressed", "loop")
    if not is_loop(turn):
        return None
    stopped = ConversationChange("loop_stopped", "system", now + LOOP_TIME)
    return NoReply("suppressed", "loop", (stopped,))


def without_model(
    turn: TurnContext, tenant: TenantConfig, preface: Preface, now: datetime
) -> Outcome[TurnResult] | None:
    """What the client wants instead of an answer that comes late, or while it is closed."""
    settings = tenant.settings
    if settings.stale_mode != "model" and is_stale(turn, settings, now):
        return with_preface(stale_result(settings), preface, tenant)
    if settings.closed_mode == "silence" and closed_at(settings, now):
        if preface.texts:
            return Done(preface_alone(preface, tenant), "closed")
        return Dropped("closed", NoReply("suppressed", "closed"))
    return None


def stale_result(settings: TenantSettings) -> Outcome[TurnResult]:
    if settings.stale_mode == "silence":
        return Dropped("stale", NoReply("suppressed", "stale"))
    return Done(Reply("notice", stale_text(settings.language)), "stale")


def without_assistant(
    turn: TurnContext, tenant: TenantConfig, tries: int, now: datetime
) -> Outcome[TurnResult]:
    wait = wait_for_config(turn, tries, now, "assistant_not_published")
    return wait or fallback(turn, tenant, "assistant_not_published")


def over_budget(
    turn: TurnContext, tenant: TenantConfig, limit: BudgetLimit, today: date
) -> Outcome[TurnResult]:
    """The contact is told once in the limit's period. today: in the client's time zone."""
    told = turn.conversation.budget_text_on
    if told and told >= limit.begin(today):
        return Dropped("budget", NoReply("suppressed", "budget"))
    text = budget_text(tenant.settings)
    reached = ConversationChange("budget_reached", "system", reason=limit.setting)
    reply = Reply(
        "notice", text, failure="suppressed:budget", budget_text_on=today, changes=(reached,)
    )
    return Done(reply, "notice:budget")


def after_asking(
    answer: ModelAnswer | ModelFailure,
    turn: TurnContext,
    tries: int,
    seconds: float,
    tenant: TenantConfig,
    random: Callable[[], float],
    budget: float = TURN_SECONDS,
) -> Outcome[TurnResult]:
    """A failure is tried again while that can help; then the contact gets the fallback text.

    seconds: since the turn's first claim, of so many at most. random: from 0 to 1.
    """
    if isinstance(answer, ModelAnswer):
        return answered(answer, tenant)
    wait = seconds_until_retry(answer, tries, seconds, random, budget)
    if wait is not None:
        return Later(wait, answer.reason)
    return fallback(turn, tenant, answer.reason)


def answered(answer: ModelAnswer, tenant: TenantConfig) -> Outcome[TurnResult]:
    """A model that hands over may have said something before the contact is told."""
    if answer.handover is None:
        minutes, language = tenant.settings.stale_minutes, tenant.settings.language
        choices = choices_of(answer, language)
        return Done(Reply("answer", whole_text_of(answer), valid_minutes=minutes, choices=choices))
    told = confirmation("handover", tenant)
    return Done(replace(told, model_text=answer.text, tool_reason=answer.handover), "handed_over")


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
    text, minutes = fallback_text(tenant.settings), tenant.settings.stale_minutes
    return Reply("fallback", text, failure=reason, notes=("fallback",), valid_minutes=minutes)
