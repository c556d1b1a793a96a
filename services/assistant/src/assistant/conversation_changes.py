"""What changes of a conversation, as rows and as events. A change that only others should know of
needs nothing here: it is named where it is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.events import ConversationChanged, conversation_key, event_id
from common.outbox_rows import EventDraft, draft
from common.postgres.connection import Statement
from common.topics import CONVERSATIONS_EVENTS

# What a change does to its conversation; one that is not here is only an event.
APPLY_CHANGES = {
    "resumed": "update conversation set taken_over_until = null where id = any(%(ids)s::bigint[])",
    "opted_out": "update conversation set opted_out = true where id = any(%(ids)s::bigint[])",
    "opted_in": "update conversation set opted_out = false where id = any(%(ids)s::bigint[])",
    "disclosed": "update conversation set disclosed_at = now() where id = any(%(ids)s::bigint[])",
    "loop_stopped": """update conversation set loop_until = until
    from unnest(%(ids)s::bigint[], %(until)s::timestamptz[]) given(id, until)
    where conversation.id = any(%(ids)s::bigint[]) and conversation.id = given.id""",
    "handed_over": """update conversation set taken_over_until = coalesce(until, 'infinity')
    from unnest(%(ids)s::bigint[], %(until)s::timestamptz[]) given(id, until)
    where conversation.id = any(%(ids)s::bigint[]) and conversation.id = given.id""",
}


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """The fields are those of ConversationChanged. until None: until it is resumed."""

    what: str
    by: str
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ChangedConversation:
    """Whose change it is, for its event. cause: what made it, a turn or a command."""

    tenant_id: int
    phone_number_id: str
    contact_id: str
    trace_id: str
    cause: str
    command_id: str | None = None


def handover_end(since: datetime, minutes: int) -> datetime | None:
    """None: it lasts until it is resumed."""
    return since + timedelta(minutes=minutes) if minutes else None


def change_statements(changes: Sequence[tuple[int, ConversationChange]]) -> list[Statement]:
    """changes: with the id of their conversation's row. A handover that ends and one that begins
    in the same turn end in this order."""
    statements: list[Statement] = []
    for what, statement in APPLY_CHANGES.items():
        if given := [(id, change) for id, change in changes if change.what == what]:
            values = {"ids": [id for id, _ in given], "until": [each.until for _, each in given]}
            statements.append((statement, values))
    return statements


def change_draft(of: ChangedConversation, change: ConversationChange, at: datetime) -> EventDraft:
    event = ConversationChanged(
        event_id=event_id("conversation", of.cause, change.what, change.by),
        trace_id=of.trace_id,
        tenant_id=of.tenant_id,
        occurred_at=at,
        phone_number_id=of.phone_number_id,
        contact_id=of.contact_id,
        what=change.what,
        by=change.by,
        until=change.until,
        reason=change.reason,
        command_id=of.command_id,
    )
    key = conversation_key(of.phone_number_id, of.contact_id)
    return draft(CONVERSATIONS_EVENTS, key, event)
