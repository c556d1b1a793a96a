"""What a conversation command leads to. Pure."""

from dataclasses import dataclass
from datetime import datetime

from assistant.conversation_changes import ConversationChange, handover_end
from assistant.decide import ANSWER_WINDOW
from common.description import PHOTO, described, document_label
from common.events import ConversationCommand, OutgoingMedia, TenantSettings


@dataclass(frozen=True, slots=True)
class CommandedConversation:
    """A conversation as a command finds it.

    is_endless: the handover lasts until it is resumed, and `taken_over_until` is None.
    turn_id: the open turn. words_turn_id: where in the history a person's words belong.
    address: where the contact is written to. last_wamid, last_inbound_at: of the contact's newest
    message.
    """

    id: int
    address: str
    wa_id: str | None
    opted_out: bool
    is_endless: bool
    taken_over_until: datetime | None
    turn_id: int | None
    words_turn_id: int
    last_wamid: str | None
    last_inbound_at: datetime | None


@dataclass(frozen=True, slots=True)
class CommandEffect:
    """words: what a person has written, at `words_at`. is_sent: it is still to be sent.
    looks_again: the open turn may have something else to do now."""

    changes: tuple[ConversationChange, ...] = ()
    words: str | None = None
    words_at: datetime | None = None
    is_sent: bool = False
    looks_again: bool = True


def decide_command(
    command: ConversationCommand,
    conversation: CommandedConversation | None,
    settings: TenantSettings,
    now: datetime,
) -> CommandEffect:
    by = "echo" if command.what == "echo" else "operator"
    if conversation is None:
        return refused("unknown_conversation", by)
    if reason := refusal_reason(command, conversation, settings, now):
        return refused(reason, by)
    match command.what:
        case "resume":
            return CommandEffect((ConversationChange("resumed", by),))
        case "opt_out":
            return CommandEffect((ConversationChange("opted_out", by),))
        case "opt_in":
            return CommandEffect((ConversationChange("opted_in", by),))
        case "take_over":
            minutes = settings.handover_minutes if command.minutes is None else command.minutes
            change = ConversationChange("handed_over", by, handover_end(now, minutes))
            return CommandEffect((change,))
        case "say" | "echo":
            return person_wrote(command, conversation, settings, now, by)


def refused(reason: str, by: str) -> CommandEffect:
    change = ConversationChange("refused", by, reason=reason)
    return CommandEffect((change,), looks_again=False)


def refusal_reason(
    command: ConversationCommand,
    conversation: CommandedConversation,
    settings: TenantSettings,
    now: datetime,
) -> str | None:
    """Outside WhatsApp's window the sender sends the client's template, if there is one, to who has
    written before; a file cannot leave so."""
    if command.what == "resume" and not is_handed_over(conversation, now):
        return "not_handed_over"
    if command.what != "say":
        return None
    if conversation.opted_out:
        return "opted_out"
    last, has_template = conversation.last_inbound_at, settings.window_template
    if last and (now - last <= ANSWER_WINDOW or (has_template and not command.media)):
        return None
    return "window_closed"


def is_handed_over(conversation: CommandedConversation, now: datetime) -> bool:
    until = conversation.taken_over_until
    return conversation.is_endless or (until is not None and until > now)


def person_wrote(
    command: ConversationCommand,
    conversation: CommandedConversation,
    settings: TenantSettings,
    now: datetime,
    by: str,
) -> CommandEffect:
    """The handover lasts from what the person wrote on; a longer one stays. What WhatsApp tells
    only after that time takes nothing over."""
    at = min(command.sent_at or now, now)
    until = longer(handover_end(at, settings.handover_minutes), conversation)
    lasts = until is None or until > now
    return CommandEffect(
        changes=(ConversationChange("handed_over", by, until),) if lasts else (),
        words=words_of(command),
        words_at=at,
        is_sent=command.what == "say",
    )


def words_of(command: ConversationCommand) -> str:
    """What the person wrote, as the history keeps it: of a file its description and caption."""
    if command.media is None:
        return command.text or ""
    caption = command.media.caption
    return f"{description_of(command.media)} {caption or ''}".rstrip()


def description_of(media: OutgoingMedia) -> str:
    return described(PHOTO if media.kind == "image" else document_label(media.filename))


def longer(until: datetime | None, conversation: CommandedConversation) -> datetime | None:
    if until is None or conversation.is_endless:
        return None
    return max(until, conversation.taken_over_until or until)
