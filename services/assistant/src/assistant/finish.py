"""The finish of turns: answer, usage and events in one transaction with the turn's end.

Only turns whose claim still stood have effects; what their calls cost is settled for all. A
conversation that was handed over or opted out in the meantime gets no answer: its messages end as
suppressed or handed over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from assistant.conversation_changes import ConversationChange, change_statements
from assistant.results import FinishedTurn, NoReply, Note, Reply, TurnResult
from assistant.settle import Bill, settle_statements
from assistant.turn_context import TurnContext
from assistant.turn_events import changed_draft, changes_of, event_drafts, reply_id_of
from common.outbox_rows import RESERVED, Reserved, add_and_commit, reserve
from common.postgres.connection import Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.service.clock import Clock
from common.work import Done, Dropped, Handled, Hint, Later, Stored
from common.work.statements import written_now

ANSWERED = {"message_id": "bigint", "turn_id": "bigint"}
# Marks exactly the messages that the turn has seen: one stored late stays for the next turn.
MARK_ANSWERED = Prepared(f"""
update message set turn_id = answered.turn_id
from {unnest(ANSWERED, "answered")}
where message.id = any(%(message_id)s::bigint[]) and message.id = answered.message_id
""")
ANSWER = {
    "tenant_id": "int",
    "conversation_id": "bigint",
    "turn_id": "bigint",
    "body": "text",
    "kind": "text",
    "reply_id": "uuid",
    "trace_id": "text",
}
# The assistant's messages, of which the answers become history.
STORE_ANSWERS = Prepared(f"""
insert into message ({names(ANSWER)}, role, sent_at)
select {names(ANSWER)}, 'a', now() from {unnest(ANSWER)}
""")
# Conversations that will change, before their turns are finished: who stores messages writes the
# conversation first too, so neither waits for the other.
LOCK_CONVERSATIONS = Prepared("""
select id from conversation where id = any(%(ids)s::bigint[])
order by tenant_id, contact_id for no key update
""")
SEEN = {"turn_id": "bigint", "pending_count": "int"}
EPOCH = {"epoch": "int"}
# The turns whose claim stood, and their conversations as they are now: our update holds the turns'
# rows, so nothing changes until the commit.
CHECK_TURNS = Prepared(f"""
with stood as materialized (
  select turn.id, turn.epoch, turn.conversation_id,
    turn.finished_at is not null and exists (
      select from message where message.conversation_id = turn.conversation_id
        and message.turn_id is null offset seen.pending_count) as has_newer
  from turn join {unnest(SEEN | EPOCH, "seen")}
    on seen.turn_id = turn.id and seen.epoch = turn.epoch
  where turn.id = any(%(turn_id)s::bigint[]) and {written_now("turn")})
select stood.id, stood.epoch, stood.has_newer, conversation.opted_out,
  coalesce(conversation.taken_over_until > now(), false) as handed_over,
  reserved.ids, reserved.has_older
from stood join conversation on conversation.id = stood.conversation_id
cross join (select {RESERVED}) reserved
where conversation.id = any(array(select conversation_id from stood))
""")
# A new turn for the messages that came after what the finished turn has seen.
OPEN_NEXT_TURNS = """
insert into turn (tenant_id, conversation_id, last_message_id)
select turn.tenant_id, turn.conversation_id, turn.last_message_id
from turn where turn.id = any(%(turn_id)s::bigint[])
returning id, tenant_id
"""
NOTE_CHANGES: Mapping[Note, str] = {
    "fallback": "fallback_at = now()",
    "closed_text": "closed_text_at = now()",
}
# What the conversations of some results remember.
APPLY_NOTES: Mapping[Note, str] = {
    note: f"update conversation set {change} where id = any(%(ids)s::bigint[])"
    for note, change in NOTE_CHANGES.items()
}

# From now on, and until the budget's next period, the conversation is not told again.
NOTE_BUDGET_TEXTS = """update conversation set budget_text_on = given.day
from unnest(%(ids)s::bigint[], %(days)s::date[]) given(id, day)
where conversation.id = any(%(ids)s::bigint[]) and conversation.id = given.id"""


class TurnCheck(NamedTuple):
    """What may have changed while the model was asked.

    has_newer: there are messages that the turn did not see. One may have been stored late, with a
    lower id than those that it saw.
    """

    opted_out: bool
    handed_over: bool
    has_newer: bool


def store(
    connection: Connection,
    finish_turns: Sequence[Statement],
    handled: Sequence[Handled[TurnContext, TurnResult]],
    bill: Bill,
    clock: Clock,
) -> Stored:
    """Every statement of the finish runs here, in two round trips; in three where messages came
    that a turn did not see. bill: of all claims, also of those that do not stand."""
    seen = [each.item for each in handled]
    now = clock.now()
    planned = [planned_changes(each, now) for each in handled]
    events = sum(1 + len(turn.pending) for turn in seen) + sum(map(len, planned))
    values = arrays(SEEN, seen) | {"epoch": [each.claim.epoch for each in handled]}
    values |= reserve({turn.conversation.key for turn in seen}, events)
    statements = [*lock_statements(handled, planned), *finish_turns, (CHECK_TURNS, values)]
    rows = connection.execute_together(statements).all()
    if not rows:
        connection.execute_together(settle_statements(bill, ()), commit=True)
        return Stored(set(), (), ())
    checks = {
        (row.id, row.epoch): TurnCheck(row.opted_out, row.handed_over, row.has_newer)
        for row in rows
    }
    stood = [each for each in handled if each.claim.key in checks]
    finished = [turn for each in stood if (turn := as_finished(each, checks[each.claim.key]))]
    changes = [(turn, change) for turn in finished for change in changes_of(turn, now)]
    drafts = [draft for turn in finished for draft in event_drafts(turn, clock)]
    drafts += [changed_draft(turn, change, now) for turn, change in changes]
    newer = [each.item for each in stood if checks[each.claim.key].has_newer]
    hints = open_next_turns(connection, newer)
    reserved = Reserved(rows[0].ids, rows[0].has_older)
    statements = [
        *effect_statements(finished),
        *change_statements([(turn.turn.conversation.id, change) for turn, change in changes]),
        *settle_statements(bill, checks),
    ]
    published = add_and_commit(connection, statements, drafts, reserved)
    return Stored(set(checks), published, hints)


def planned_changes(
    handled: Handled[TurnContext, TurnResult], now: datetime
) -> list[ConversationChange]:
    """Of its conversation, if the turn ends so; none of a turn that goes on later."""
    if isinstance(handled.outcome, Later):
        return []
    result = handled.outcome.result or NoReply("failed", handled.outcome.reason)
    return changes_of(FinishedTurn(handled.item, result), now)


def lock_statements(
    handled: Sequence[Handled[TurnContext, TurnResult]],
    planned: Sequence[Sequence[ConversationChange]],
) -> list[Statement]:
    ids = [
        each.item.conversation.id
        for each, changes in zip(handled, planned, strict=True)
        if changes or has_notes(each)
    ]
    return [(LOCK_CONVERSATIONS, {"ids": ids})] if ids else []


def has_notes(handled: Handled[TurnContext, TurnResult]) -> bool:
    result = handled.outcome.result
    return isinstance(result, Reply) and bool(result.notes)


def as_finished(handled: Handled[TurnContext, TurnResult], check: TurnCheck) -> FinishedTurn | None:
    """None for a turn that goes on later."""
    match handled.outcome:
        case Later():
            return None
        case Done(result=result):
            known: TurnResult = result
        case Dropped(reason=reason, result=dropped):
            known = dropped or NoReply("failed", reason)
    return apply_check(FinishedTurn(handled.item, known), check)


def apply_check(finished: FinishedTurn, check: TurnCheck) -> FinishedTurn:
    """An answer that came too late is not sent; notices answer a command and always go."""
    if isinstance(finished.result, NoReply) or finished.result.command:
        return finished
    if check.opted_out:
        return FinishedTurn(finished.turn, NoReply("suppressed", "opted_out"))
    if check.handed_over:
        return FinishedTurn(finished.turn, NoReply("handed_over", "taken_over"))
    return quoting_its_message(finished) if check.has_newer else finished


def quoting_its_message(finished: FinishedTurn) -> FinishedTurn:
    """What answers an older message than the contact's newest says which."""
    turn, reply = finished
    assert isinstance(reply, Reply)
    wamid = next((message.wamid for message in reversed(turn.pending) if message.wamid), None)
    return FinishedTurn(turn, replace(reply, quotes=wamid))


def effect_statements(finished: Sequence[FinishedTurn]) -> list[Statement]:
    """What changes besides the outbox. Builds the statements, runs none."""
    if not finished:
        return []
    statements: list[Statement] = [(MARK_ANSWERED, answered_columns(finished))]
    replies = [(turn, result) for turn, result in finished if isinstance(result, Reply)]
    if replies:
        statements.append((STORE_ANSWERS, answer_columns(replies)))
    for note, statement in APPLY_NOTES.items():
        if ids := [turn.conversation.id for turn, reply in replies if note in reply.notes]:
            statements.append((statement, {"ids": ids}))
    if told := [(turn, reply) for turn, reply in replies if reply.budget_text_on]:
        statements.append((NOTE_BUDGET_TEXTS, told_columns(told)))
    return statements


def told_columns(told: Sequence[tuple[TurnContext, Reply]]) -> dict[str, list[Any]]:
    return {
        "ids": [turn.conversation.id for turn, _ in told],
        "days": [reply.budget_text_on for _, reply in told],
    }


def answered_columns(finished: Sequence[FinishedTurn]) -> dict[str, list[int]]:
    answered = [(message.id, turn.turn_id) for turn, _ in finished for message in turn.pending]
    return {
        "message_id": [message_id for message_id, _ in answered],
        "turn_id": [turn_id for _, turn_id in answered],
    }


def answer_columns(replies: Sequence[tuple[TurnContext, Reply]]) -> dict[str, list[Any]]:
    return {
        "tenant_id": [turn.conversation.tenant_id for turn, _ in replies],
        "conversation_id": [turn.conversation.id for turn, _ in replies],
        "turn_id": [turn.turn_id for turn, _ in replies],
        "body": [reply.text for _, reply in replies],
        "kind": [reply.kind for _, reply in replies],
        "reply_id": [reply_id_of(turn) for turn, _ in replies],
        "trace_id": [turn.trace_id for turn, _ in replies],
    }


def open_next_turns(connection: Connection, turns: Sequence[TurnContext]) -> list[Hint]:
    """Messages that the turn did not see, or had no room for, get the next turn."""
    if not turns:
        return []
    opened = connection.exec_driver_sql(OPEN_NEXT_TURNS, arrays(["turn_id"], turns))
    return [Hint(turn.id, turn.tenant_id, 0) for turn in opened]
