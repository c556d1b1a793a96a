"""The finish of turns: answer, usage and events in one transaction with the turn's end.

Runs only for turns whose claim still stood. A conversation that was taken over or opted out in
the meantime gets no answer: its messages end as suppressed or handed over.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from assistant.decide import Reply, Result, Silence
from assistant.items import TurnItem
from assistant.words import HANDOFF_HOURS
from common.events import OutcomeRecorded, ReplyReady, event_id
from common.outbox import EventDraft, OutboxRow, draft, insert_statement, rows_of
from common.postgres.batch_statements import Statement, execute_together
from common.service.clock import Clock
from common.topics import MESSAGES_OUTCOME, REPLIES_OUTBOUND
from common.work import Done, Dropped, Handled, Hint, Later

# Exactly the messages that the turn has seen: one that was stored late stays for the next turn.
MARK_ANSWERED = """
update message m set turn_id = u.turn
from unnest(%(message)s::bigint[], %(turn)s::bigint[]) u(message, turn)
where m.id = any(%(message)s::bigint[]) and m.id = u.message
"""
STORE_ANSWERS = """
insert into message (tenant_id, conversation_id, turn_id, role, body, sent_at, trace_id)
select t, c, u, 'a', b, now(), r from unnest(%(tenant)s::int[], %(conversation)s::bigint[],
  %(turn)s::bigint[], %(body)s::text[], %(trace)s::text[]) x(t, c, u, b, r)
"""
STORE_USAGE = """
insert into usage (tenant_id, day, turn_id, model, input_tokens, cached_tokens, output_tokens)
select t, (now() at time zone 'utc')::date, u, m, i, c, o from unnest(%(tenant)s::int[],
  %(turn)s::bigint[], %(model)s::text[], %(input)s::int[], %(cached)s::int[], %(output)s::int[])
  x(t, u, m, i, c, o)
"""
# As the turn stands now: our update holds its row, so nothing changes until the commit.
STANDING = """
with t as materialized (
  select t.conversation_id, t.last_message_id > u.last as newer
  from turn t join unnest(%(turn)s::bigint[], %(last)s::bigint[]) u(id, last) on u.id = t.id
  where t.id = any(%(turn)s::bigint[]))
select c.id, c.opted_out, coalesce(c.taken_over_until > now(), false), t.newer
from t join conversation c on c.id = t.conversation_id
where c.id = any(array(select conversation_id from t))
"""
NEXT_TURNS = """
insert into turn (tenant_id, conversation_id, last_message_id)
select t.tenant_id, t.conversation_id, t.last_message_id
from turn t join unnest(%(turn)s::bigint[], %(last)s::bigint[]) u(id, last) on u.id = t.id
where t.id = any(%(turn)s::bigint[]) and t.finished_at is not null and t.last_message_id > u.last
returning id, tenant_id
"""
COMMANDS = {
    "opt_out": "update conversation set opted_out = true where id = any(%(ids)s::bigint[])",
    "opt_in": "update conversation set opted_out = false, taken_over_until = null"
    " where id = any(%(ids)s::bigint[])",
    "handoff": f"update conversation set taken_over_until = now() + interval '{HANDOFF_HOURS} h'"
    " where id = any(%(ids)s::bigint[])",
}


class Standing(NamedTuple):
    """What may have changed while the model thought. newer: messages the turn did not see."""

    opted_out: bool
    taken_over: bool
    newer: bool


class Ended(NamedTuple):
    """A turn that ended, and how."""

    item: TurnItem
    result: Result
    reason: str


def store(
    connection: Connection, settled: Sequence[Handled[TurnItem, Result]], clock: Clock
) -> tuple[list[OutboxRow], list[Hint]]:
    ended = [end for one in settled if (end := ended_of(one))]
    if not ended:
        return [], []
    found = standings(connection, ended)
    ended = [checked(end, found[end.item.conversation.id]) for end in ended]
    events = [event for end in ended for event in drafts(end, clock)]
    rows = rows_of(execute_together(connection, [*effects(ended), *insert_statement(events)]))
    newer = [end for end in ended if found[end.item.conversation.id].newer]
    return rows, open_next(connection, newer) if newer else []


def ended_of(one: Handled[TurnItem, Result]) -> Ended | None:
    """None for a turn that goes on later. A handler's bug has no result: the messages failed."""
    match one.outcome:
        case Done(result=result, reason=reason):
            return Ended(one.item, result, reason)
        case Dropped(reason=reason, result=dropped):
            return Ended(one.item, dropped or Silence("failed", reason), reason)
        case Later():
            return None


def standings(connection: Connection, ended: Sequence[Ended]) -> dict[int, Standing]:
    """By conversation id."""
    rows = connection.exec_driver_sql(STANDING, turn_columns(ended))
    return {row[0]: Standing(*row[1:]) for row in rows}


def checked(end: Ended, now: Standing) -> Ended:
    """An answer that came too late becomes silence; notices answer a command and always go."""
    if isinstance(end.result, Silence) or end.result.command:
        return end
    if now.opted_out:
        return end._replace(result=Silence("suppressed", "opted_out"))
    if now.taken_over:
        return end._replace(result=Silence("handed_over", "taken_over"))
    return end


def effects(ended: Sequence[Ended]) -> list[Statement]:
    statements: list[Statement] = [(MARK_ANSWERED, pending_columns(ended))]
    spoken = [(end.item, end.result) for end in ended if isinstance(end.result, Reply)]
    if spoken:
        statements.append((STORE_ANSWERS, answer_columns(spoken)))
    billed = [(item, reply.usage) for item, reply in spoken if reply.usage]
    if billed:
        statements.append((STORE_USAGE, usage_columns(billed)))
    for command, statement in COMMANDS.items():
        if ids := [item.conversation.id for item, reply in spoken if reply.command == command]:
            statements.append((statement, {"ids": ids}))
    return statements


def pending_columns(ended: Sequence[Ended]) -> dict[str, list[int]]:
    answered = [(message.id, end.item.turn_id) for end in ended for message in end.item.pending]
    return {"message": [id for id, _ in answered], "turn": [turn for _, turn in answered]}


def turn_columns(ended: Sequence[Ended]) -> dict[str, list[int]]:
    return {
        "turn": [end.item.turn_id for end in ended],
        "last": [end.item.last_message_id for end in ended],
    }


def answer_columns(spoken: Sequence[tuple[TurnItem, Reply]]) -> dict[str, list[Any]]:
    return {
        "tenant": [item.conversation.tenant_id for item, _ in spoken],
        "conversation": [item.conversation.id for item, _ in spoken],
        "turn": [item.turn_id for item, _ in spoken],
        "body": [reply.text for _, reply in spoken],
        "trace": [item.trace_id for item, _ in spoken],
    }


def usage_columns(billed: Sequence[tuple[TurnItem, Any]]) -> dict[str, list[Any]]:
    return {
        "tenant": [item.conversation.tenant_id for item, _ in billed],
        "turn": [item.turn_id for item, _ in billed],
        "model": [usage.model for _, usage in billed],
        "input": [usage.input_tokens for _, usage in billed],
        "cached": [usage.cached_tokens for _, usage in billed],
        "output": [usage.output_tokens for _, usage in billed],
    }


def open_next(connection: Connection, ended: Sequence[Ended]) -> list[Hint]:
    """Messages that the turn did not see any more, or had no room for, get the next turn."""
    found = connection.exec_driver_sql(NEXT_TURNS, turn_columns(ended))
    return [Hint(id, tenant_id, 0) for id, tenant_id in found]


def drafts(end: Ended, clock: Clock) -> list[EventDraft]:
    if isinstance(end.result, Reply):
        return [draft(REPLIES_OUTBOUND, end.item.conversation.key, reply_event(end, clock))]
    return [
        draft(MESSAGES_OUTCOME, event.conversation, event) for event in outcome_events(end, clock)
    ]


def reply_event(end: Ended, clock: Clock) -> ReplyReady:
    """reply_id depends on the turn alone, so a second copy is known as such."""
    item, reply = end.item, end.result
    assert isinstance(reply, Reply)
    conversation = item.conversation
    reply_id = event_id("reply", conversation.tenant_id, item.turn_id)
    return ReplyReady(
        event_id=reply_id,
        trace_id=item.trace_id,
        tenant_id=conversation.tenant_id,
        occurred_at=clock.now(),
        phone_number_id=conversation.phone_number_id,
        contact_id=conversation.contact_id,
        wa_id=conversation.wa_id,
        reply_id=reply_id,
        kind=reply.kind,
        text=reply.text,
        answers=tuple(message.wamid for message in item.pending if message.wamid),
        last_inbound_at=item.last_inbound_at,
    )


def outcome_events(end: Ended, clock: Clock) -> list[OutcomeRecorded]:
    silence, conversation = end.result, end.item.conversation
    assert isinstance(silence, Silence)
    return [
        OutcomeRecorded(
            event_id=event_id(conversation.tenant_id, message.wamid, "outcome"),
            trace_id=message.trace_id,
            tenant_id=conversation.tenant_id,
            occurred_at=clock.now(),
            phone_number_id=conversation.phone_number_id,
            contact_id=conversation.contact_id,
            wamid=message.wamid,
            outcome=silence.outcome,
            reason=silence.reason,
        )
        for message in end.item.pending
        if message.wamid
    ]
