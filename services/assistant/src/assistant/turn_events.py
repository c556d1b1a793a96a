"""What a finished turn tells: its reply or its messages' outcomes, and the conversation's changes.
Pure."""

from datetime import datetime, timedelta

from assistant.conversation_changes import (
    ChangedConversation,
    ConversationChange,
    change_draft,
    handover_end,
)
from assistant.results import FinishedTurn, NoReply, Reply
from assistant.turn_context import TurnContext
from common.events import OutcomeRecorded, ReplyReady, event_id
from common.outbox_rows import EventDraft, draft
from common.service.clock import Clock
from common.topics import MESSAGES_OUTCOME, REPLIES_OUTBOUND


def changes_of(finished: FinishedTurn, now: datetime) -> list[ConversationChange]:
    """Of the conversation: a handover's time was over, the contact's command, what the result
    says."""
    turn, result = finished
    changes = list(result.changes)
    if turn.conversation.handover_ended and result != NoReply("handed_over", "taken_over"):
        changes.append(ConversationChange("resumed", "timeout"))
    if isinstance(result, Reply):
        changes += command_changes(turn, result, now)
    return changes


def command_changes(turn: TurnContext, reply: Reply, now: datetime) -> list[ConversationChange]:
    match reply.command:
        case "opt_out":
            return [ConversationChange("opted_out", "contact")]
        case "handover":
            until = handover_end(now, reply.handover_minutes)
            reason = reply.tool_reason or None
            return [ConversationChange("handed_over", asked_by(reply), until, reason)]
        case "opt_in":
            ended = {
                "opted_in": turn.conversation.opted_out,
                "resumed": turn.conversation.handed_over,
            }
            return [ConversationChange(what, "contact") for what, is_so in ended.items() if is_so]
    return []


def event_drafts(finished: FinishedTurn, clock: Clock) -> list[EventDraft]:
    turn, result = finished
    if isinstance(result, Reply):
        return [draft(REPLIES_OUTBOUND, turn.conversation.key, reply_event(turn, result, clock))]
    return [
        draft(MESSAGES_OUTCOME, event.conversation, event)
        for event in outcome_events(turn, result, clock)
    ]


def changed_draft(finished: FinishedTurn, change: ConversationChange, now: datetime) -> EventDraft:
    turn = finished.turn
    conversation = turn.conversation
    changed = ChangedConversation(
        conversation.tenant_id,
        conversation.phone_number_id,
        conversation.contact_id,
        turn.trace_id,
        cause=f"turn:{conversation.tenant_id}:{turn.turn_id}",
    )
    return change_draft(changed, change, now)


def reply_event(turn: TurnContext, reply: Reply, clock: Clock) -> ReplyReady:
    conversation, reply_id = turn.conversation, reply_id_of(turn)
    return ReplyReady(
        event_id=reply_id,
        trace_id=turn.trace_id,
        tenant_id=conversation.tenant_id,
        occurred_at=clock.now(),
        phone_number_id=conversation.phone_number_id,
        contact_id=conversation.contact_id,
        wa_id=conversation.wa_id,
        reply_id=reply_id,
        kind=reply.kind,
        failure=reply.failure or handover_outcome(reply),
        text=reply.whole_text,
        markdown=reply.markdown,
        answers=tuple(message.wamid for message in turn.pending if message.wamid),
        last_inbound_at=turn.last_inbound_at,
        expires_at=expiry(reply, clock.now()),
        choices=reply.choices,
        quotes=reply.quotes,
    )


def expiry(reply: Reply, now: datetime) -> datetime | None:
    return None if reply.valid_minutes is None else now + timedelta(minutes=reply.valid_minutes)


def handover_outcome(reply: Reply) -> str | None:
    """How the messages end whose reply says that a person takes over: by whom it was asked for."""
    return f"handed_over:{asked_by(reply)}" if reply.command == "handover" else None


def asked_by(reply: Reply) -> str:
    return "contact" if reply.tool_reason is None else "tool"


def reply_id_of(turn: TurnContext) -> str:
    """It depends on the turn alone, so a second copy is recognised."""
    return event_id("reply", turn.conversation.tenant_id, turn.turn_id)


def outcome_events(turn: TurnContext, no_reply: NoReply, clock: Clock) -> list[OutcomeRecorded]:
    conversation = turn.conversation
    return [
        OutcomeRecorded.of(
            tenant_id=conversation.tenant_id,
            phone_number_id=conversation.phone_number_id,
            contact_id=conversation.contact_id,
            wamid=message.wamid,
            outcome=no_reply.outcome,
            reason=no_reply.reason,
            trace_id=message.trace_id,
            occurred_at=clock.now(),
        )
        for message in turn.pending
        if message.wamid
    ]
