"""What is said before an answer: a notice, that it is closed, that an AI answers. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from assistant.conversation_changes import ConversationChange
from assistant.opening_hours import closed_since
from assistant.results import Note, Reply, TurnResult
from assistant.texts import disclosure_text, notice
from assistant.turn_context import Conversation
from common.command_words import Command
from common.events import TenantConfig, TenantSettings
from common.time_zones import time_zone
from common.work import Done, Later, Outcome


@dataclass(frozen=True, slots=True)
class Preface:
    """Texts that a reply begins with. command: whose notice is among them. notes: what the
    conversation remembers once they are sent."""

    texts: tuple[str, ...] = ()
    command: Command | None = None
    notes: tuple[Note, ...] = ()

    @property
    def text(self) -> str:
        return "\n\n".join(self.texts)


def preface_of(
    conversation: Conversation, tenant: TenantConfig, command: Command | None, now: datetime
) -> Preface:
    texts = [notice(command, tenant.settings.language)] if command else []
    if tells_closed := closed_text_due(conversation, tenant.settings, now):
        texts.append(tells_closed)
    return Preface(tuple(texts), command, ("closed_text",) if tells_closed else ())


def closed_text_due(
    conversation: Conversation, settings: TenantSettings, now: datetime
) -> str | None:
    """The client's text, once for each time that the business is closed."""
    since = closed_at(settings, now)
    told = conversation.closed_text_at
    return settings.closed_text if since and (told is None or told < since) else None


def closed_at(settings: TenantSettings, now: datetime) -> datetime | None:
    """When the client closed; None while it is open."""
    return closed_since(settings.business_hours, now.astimezone(time_zone(settings.timezone)))


def with_preface(
    outcome: Outcome[TurnResult], preface: Preface, tenant: TenantConfig
) -> Outcome[TurnResult]:
    """A reply begins with the preface; where there is none, the preface is the reply."""
    if not preface.texts or isinstance(outcome, Later):
        return outcome
    if not isinstance(outcome.result, Reply):
        reply = replace(preface_alone(preface, tenant), failure=outcome.reason)
        return Done(reply, f"notice:{outcome.reason}")
    result = outcome.result
    notes = preface.notes + result.notes
    command = result.command or preface.command
    texts = (*preface.texts, *result.preface)
    reply = replace(result, preface=texts, command=command, notes=notes)
    return replace(outcome, result=reply)


def preface_alone(preface: Preface, tenant: TenantConfig) -> Reply:
    minutes = tenant.settings.handover_minutes
    return Reply(
        "notice",
        preface.text,
        command=preface.command,
        handover_minutes=minutes,
        notes=preface.notes,
    )


def with_disclosure(
    outcome: Outcome[TurnResult], conversation: Conversation, tenant: TenantConfig
) -> Outcome[TurnResult]:
    """The first answer of a conversation says that an AI answers (EU AI Act, article 50)."""
    text = "" if conversation.disclosed else disclosure_text(tenant)
    if not text or isinstance(outcome, Later) or not isinstance(outcome.result, Reply):
        return outcome
    result = outcome.result
    if result.kind != "answer":
        return outcome
    changes = (*result.changes, ConversationChange("disclosed", "system"))
    texts = (text, *result.preface)
    return replace(outcome, result=replace(result, preface=texts, changes=changes))
