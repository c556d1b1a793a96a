"""What a contact edits or deletes, and new addresses of contacts: hop 3a for what is no message.

An edit of a message that still waits for its answer replaces its text, and an answer that is being
made to the old one is made again; any other edit is a new text. A deleted message is not answered,
and what had been answered leaves the history. Every change is stored like a message without text,
in no turn, so that a copy of it changes nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from assistant.conversations import conversation_of
from assistant.tables import MAX_SUPERSEDED, TURNS
from common.description import described
from common.events import MessageReceived, OutcomeName, OutcomeRecorded
from common.outbox_rows import EventDraft, draft
from common.postgres.connection import Connection, Values
from common.topics import MESSAGES_OUTCOME

log = structlog.get_logger()

# Before a message is changed: its turn may be about to end. Then we see how it ended.
LOCK_TURN = """
select from turn where finished_at is null and conversation_id = (
  select conversation_id from message where tenant_id = %(tenant_id)s and wamid = %(changed)s)
for update
"""
OWN_TURN = "turn.conversation_id = changed.conversation_id and turn.finished_at is null"
# Makes the answer again that a turn is making.
MAKE_AGAIN = f"superseded = turn.superseded + 1, due_at = now(), {TURNS.void_claim('true')}"
EDIT = f"""
with copy as (select from message where tenant_id = %(tenant_id)s and wamid = %(wamid)s),
original as (
  select * from message where tenant_id = %(tenant_id)s and wamid = %(changed)s and role = 'u'),
changed as (
  update message set body = %(body)s from original
  where message.id = original.id and original.turn_id is null and not exists (select from copy)
    and not exists (
      select from turn where turn.conversation_id = original.conversation_id
        and turn.finished_at is null and {TURNS.is_running} and superseded >= {MAX_SUPERSEDED})
  returning message.conversation_id),
again as (
  update turn set {MAKE_AGAIN} from changed where {OWN_TURN} and {TURNS.is_running}
  returning turn.id)
select exists (select from copy) as is_copy, exists (select from changed) as is_applied,
  exists (select from original where body = '') as is_deleted, (select id from again) as turn_id
"""
DELETE = f"""
with original as (
  select * from message where tenant_id = %(tenant_id)s and wamid = %(changed)s and role = 'u'
    and body <> ''),
emptied as (
  update message set body = '', turn_id = coalesce(original.turn_id, 0) from original
  where message.id = original.id),
changed as (
  select conversation_id, exists (
    select from message other where other.conversation_id = original.conversation_id
      and other.turn_id is null and other.id <> original.id) as has_others
  from original where turn_id is null),
again as (
  update turn set {MAKE_AGAIN} from changed
  where {OWN_TURN} and {TURNS.is_running} and has_others
  returning turn.id),
ended as (
  update turn set {TURNS.finish_open("turn", "'deleted'")} from changed
  where {OWN_TURN} and not has_others)
select original.trace_id, original.turn_id is null as was_pending,
  (select id from again) as turn_id
from original
"""
STORE_CHANGE = f"""
insert into message (tenant_id, wamid, conversation_id, role, body, turn_id, sent_at, trace_id)
values (%(tenant_id)s, %(wamid)s, {conversation_of("%(tenant_id)s", "%(contact_id)s")}, 'u', '', 0,
  %(sent_at)s, %(trace_id)s)
on conflict (tenant_id, wamid) do nothing returning id
"""
# The conversations that the old and the new address of a contact lead to, where they are several.
CONFLICT = """
select min(conversation_id) as first, max(conversation_id) as last from contact_alias
where tenant_id = %(tenant_id)s and alias = any(%(addresses)s)
having count(distinct conversation_id) > 1
"""


class DueTurn(NamedTuple):
    """A turn to claim, as `StoreRows` returns it."""

    id: int
    tenant_id: int
    delay: float = 0.0
    running: bool = False


class AppliedChanges(NamedTuple):
    """new_texts: edits that are answered like messages. drafts: outcomes, to be published."""

    new_texts: list[MessageReceived]
    due: list[DueTurn]
    drafts: list[EventDraft]


def apply_changes(connection: Connection, changes: Sequence[MessageReceived]) -> AppliedChanges:
    """In their order, each in two round trips: few messages are changed. The text of an edit is as
    it is to be stored. Conversations of the contacts exist."""
    applied = AppliedChanges([], [], [])
    for event in changes:
        if event.edits:
            apply_edit(connection, event, applied)
        elif not connection.execute_together([(STORE_CHANGE, values_of(event))]).all():
            continue
        elif event.deletes:
            apply_deletion(connection, event, applied)
        else:
            report_conflict(connection, event)
            applied.drafts.append(outcome(event, "recorded", "system"))
    return applied


def apply_edit(connection: Connection, event: MessageReceived, applied: AppliedChanges) -> None:
    values = values_of(event) | {"changed": event.edits, "body": event.text}
    (edit,) = connection.execute_together([(LOCK_TURN, values), (EDIT, values)])
    if edit.is_applied or (edit.is_deleted and not edit.is_copy):
        connection.execute_together([(STORE_CHANGE, values)])
        applied.drafts.append(outcome(event, "recorded", "edit"))
    elif not edit.is_copy:
        text = f"{described('edited')} {event.text}"
        applied.new_texts.append(event.model_copy(update={"text": text}))
    if edit.turn_id:
        applied.due.append(DueTurn(edit.turn_id, event.tenant_id))


def apply_deletion(connection: Connection, event: MessageReceived, applied: AppliedChanges) -> None:
    applied.drafts.append(outcome(event, "recorded", "revoke"))
    values = values_of(event) | {"changed": event.deletes}
    for deleted in connection.execute_together([(LOCK_TURN, values), (DELETE, values)]):
        if deleted.was_pending:
            of_deleted = {"wamid": event.deletes, "trace_id": deleted.trace_id}
            original = event.model_copy(update=of_deleted)
            applied.drafts.append(outcome(original, "suppressed", "revoked"))
        if deleted.turn_id:
            applied.due.append(DueTurn(deleted.turn_id, event.tenant_id))


def report_conflict(connection: Connection, event: MessageReceived) -> None:
    """An address that another conversation owns stays its own: they may be two people."""
    previous = event.previous_ids
    old = [previous.user_id, previous.wa_id] if previous else []
    addresses = [address for address in (event.contact_id, event.wa_id, *old) if address]
    values = {"tenant_id": event.tenant_id, "addresses": addresses}
    for conflict in connection.execute_together([(CONFLICT, values)]):
        log_alias_conflict(event.tenant_id, conflict.first, conflict.last)


def log_alias_conflict(tenant_id: int, *conversation_ids: int) -> None:
    log.warning("alias_conflict", tenant_id=tenant_id, conversation_ids=conversation_ids)


def values_of(event: MessageReceived) -> Values:
    return {
        "tenant_id": event.tenant_id,
        "wamid": event.wamid,
        "contact_id": event.contact_id,
        "sent_at": event.sent_at,
        "trace_id": event.trace_id,
    }


def outcome(event: MessageReceived, name: OutcomeName, reason: str) -> EventDraft:
    """Of the message with the event's wamid."""
    recorded = OutcomeRecorded.of(
        tenant_id=event.tenant_id,
        phone_number_id=event.phone_number_id,
        contact_id=event.contact_id,
        wamid=event.wamid,
        outcome=name,
        reason=reason,
        trace_id=event.trace_id,
        occurred_at=event.occurred_at,
    )
    return draft(MESSAGES_OUTCOME, event.conversation, recorded)
