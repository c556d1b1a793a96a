"""The finish of turns: answer, usage and events in one transaction with the turn's end.

Only turns whose claim still stood have effects; what their calls cost is settled for all. A
conversation that was handed over or opted out in the meantime gets no answer: its messages end as
suppressed or handed over.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from assistant.decide import NoReply, Reply, TurnResult
from assistant.settle import Bill, settle_statements
from assistant.turn_context import TurnContext
from common.events import OutcomeRecorded, ReplyReady, event_id
from common.outbox_rows import RESERVED, EventDraft, Reserved, add_and_commit, draft, reserve
from common.postgres.connection import Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.service.clock import Clock
from common.topics import MESSAGES_OUTCOME, REPLIES_OUTBOUND
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
    "trace_id": "text",
}
# The assistant's messages, of which the answers become history.
STORE_ANSWERS = Prepared(f"""
insert into message ({names(ANSWER)}, role, sent_at)
select {names(ANSWER)}, 'a', now() from {unnest(ANSWER)}
""")
SEEN = {"turn_id": "bigint", "last_message_id": "bigint"}
EPOCH = {"epoch": "int"}
# The turns whose claim stood, and their conversations as they are now: our update holds the turns'
# rows, so nothing changes until the commit.
CHECK_TURNS = Prepared(f"""
with stood as materialized (
  select turn.id, turn.epoch, turn.conversation_id,
    turn.finished_at is not null and turn.last_message_id > seen.last_message_id as has_newer
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
OPEN_NEXT_TURNS = f"""
insert into turn (tenant_id, conversation_id, last_message_id)
select turn.tenant_id, turn.conversation_id, turn.last_message_id
from turn join {unnest(SEEN, "seen")} on seen.turn_id = turn.id
where turn.id = any(%(turn_id)s::bigint[]) and turn.finished_at is not null
  and turn.last_message_id > seen.last_message_id
returning id, tenant_id
"""
# From now on the conversation gets no second fallback text for a while.
NOTE_FALLBACKS = "update conversation set fallback_at = now() where id = any(%(ids)s::bigint[])"
# From now on, and until the budget's next period, the conversation is not told again.
NOTE_BUDGET_TEXTS = """update conversation set budget_text_on = given.day
from unnest(%(ids)s::bigint[], %(days)s::date[]) given(id, day)
where conversation.id = any(%(ids)s::bigint[]) and conversation.id = given.id"""
# What a contact's command changes, once its notice is stored.
APPLY_COMMANDS = {
    "opt_out": "update conversation set opted_out = true where id = any(%(ids)s::bigint[])",
    "opt_in": "update conversation set opted_out = false, taken_over_until = null"
    " where id = any(%(ids)s::bigint[])",
    "handover": """update conversation set taken_over_until =
      case minutes when 0 then 'infinity' else now() + minutes * interval '1 minute' end
    from unnest(%(ids)s::bigint[], %(minutes)s::int[]) given(id, minutes)
    where conversation.id = any(%(ids)s::bigint[]) and conversation.id = given.id""",
}


class TurnCheck(NamedTuple):
    """What may have changed while the model was asked.

    has_newer: there are messages that the turn did not see.
    """

    opted_out: bool
    handed_over: bool
    has_newer: bool


class FinishedTurn(NamedTuple):
    turn: TurnContext
    result: TurnResult


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
    events = sum(1 + len(turn.pending) for turn in seen)
    values = arrays(SEEN, seen) | {"epoch": [each.claim.epoch for each in handled]}
    values |= reserve({turn.conversation.key for turn in seen}, events)
    rows = connection.execute_together([*finish_turns, (CHECK_TURNS, values)]).all()
    if not rows:
        connection.execute_together(settle_statements(bill, ()), commit=True)
        return Stored(set(), (), ())
    checks = {
        (row.id, row.epoch): TurnCheck(row.opted_out, row.handed_over, row.has_newer)
        for row in rows
    }
    stood = [each for each in handled if each.claim.key in checks]
    finished = [turn for each in stood if (turn := as_finished(each, checks[each.claim.key]))]
    drafts = [draft for turn in finished for draft in event_drafts(turn, clock)]
    newer = [each.item for each in stood if checks[each.claim.key].has_newer]
    hints = open_next_turns(connection, newer)
    reserved = Reserved(rows[0].ids, rows[0].has_older)
    effects = [*effect_statements(finished), *settle_statements(bill, checks)]
    published = add_and_commit(connection, effects, drafts, reserved)
    return Stored(set(checks), published, hints)


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
    return finished


def effect_statements(finished: Sequence[FinishedTurn]) -> list[Statement]:
    """What changes besides the outbox. Builds the statements, runs none."""
    if not finished:
        return []
    statements: list[Statement] = [(MARK_ANSWERED, answered_columns(finished))]
    replies = [(turn, result) for turn, result in finished if isinstance(result, Reply)]
    if replies:
        statements.append((STORE_ANSWERS, answer_columns(replies)))
    if ids := [turn.conversation.id for turn, reply in replies if reply.kind == "fallback"]:
        statements.append((NOTE_FALLBACKS, {"ids": ids}))
    if told := [(turn, reply) for turn, reply in replies if reply.budget_text_on]:
        statements.append((NOTE_BUDGET_TEXTS, told_columns(told)))
    for command, statement in APPLY_COMMANDS.items():
        if given := [(turn, reply) for turn, reply in replies if reply.command == command]:
            statements.append((statement, command_columns(given)))
    return statements


def told_columns(told: Sequence[tuple[TurnContext, Reply]]) -> dict[str, list[Any]]:
    return {
        "ids": [turn.conversation.id for turn, _ in told],
        "days": [reply.budget_text_on for _, reply in told],
    }


def command_columns(given: Sequence[tuple[TurnContext, Reply]]) -> dict[str, list[int]]:
    return {
        "ids": [turn.conversation.id for turn, _ in given],
        "minutes": [reply.handover_minutes for _, reply in given],
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
        "trace_id": [turn.trace_id for turn, _ in replies],
    }


def open_next_turns(connection: Connection, turns: Sequence[TurnContext]) -> list[Hint]:
    """Messages that the turn did not see, or had no room for, get the next turn."""
    if not turns:
        return []
    opened = connection.exec_driver_sql(OPEN_NEXT_TURNS, arrays(SEEN, turns))
    return [Hint(turn.id, turn.tenant_id, 0) for turn in opened]


def event_drafts(finished: FinishedTurn, clock: Clock) -> list[EventDraft]:
    turn, result = finished
    if isinstance(result, Reply):
        return [draft(REPLIES_OUTBOUND, turn.conversation.key, reply_event(turn, result, clock))]
    return [
        draft(MESSAGES_OUTCOME, event.conversation, event)
        for event in outcome_events(turn, result, clock)
    ]


def reply_event(turn: TurnContext, reply: Reply, clock: Clock) -> ReplyReady:
    """reply_id depends on the turn alone, so a second copy is recognised."""
    conversation = turn.conversation
    reply_id = event_id("reply", conversation.tenant_id, turn.turn_id)
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
        failure=reply.failure,
        text=reply.text,
        answers=tuple(message.wamid for message in turn.pending if message.wamid),
        last_inbound_at=turn.last_inbound_at,
    )


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
