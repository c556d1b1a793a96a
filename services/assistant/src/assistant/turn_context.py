"""A turn as the handler sees it, and how it is loaded from the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from assistant.media import MessageMedia, message_media
from assistant.openai.model_call import ModelCall
from common.events import conversation_key
from common.postgres.rows import names
from common.work.schema import RUNNING
from common.work.statements import CLAIM, written_now

HISTORY_TURNS = 12  # the newest that had an answer
HISTORY_LIMIT = 100  # messages of these turns
PENDING_LIMIT = 500  # messages that one turn can answer; the next turn takes the rest
# Bytes of text, beyond which no further message is read: a thousand turns are in memory at once.
HISTORY_BYTES, PENDING_BYTES = 48_000, 64_000

# Why a turn waits whose conversation a person has: until the handover ends. A claim takes it away.
PUT_OFF = "taken_over"
FALLBACK_MINUTES = 10  # so long a conversation gets no second fallback text
BUSY_TURNS, BUSY_MINUTES = 20, 10  # more answers in so short a time than a person reads

QUOTED_CHARACTERS = 200
# The text that a message quotes: the contact's own, or a reply of ours. Read only where one does.
QUOTED = f"""case when message.reply_to is not null then left(coalesce(
  (select own.body from message own where own.tenant_id = message.tenant_id
    and own.wamid = message.reply_to and own.conversation_id = message.conversation_id),
  (select ours.body from reply_wamid join message ours on ours.reply_id = reply_wamid.reply_id
    where reply_wamid.tenant_id = message.tenant_id and reply_wamid.wamid = message.reply_to
      and ours.conversation_id = message.conversation_id and ours.turn_id is not null
      and ours.role = 'a')), {QUOTED_CHARACTERS}) end"""
MESSAGE = f"""json_build_array(message.conversation_id, message.id, message.turn_id,
  message.role::text, message.wamid, message.body,
  (extract(epoch from message.sent_at) * 1000000)::bigint, message.trace_id, message.kind,
  message.media, {QUOTED})"""
# The fallback text and notices are nobody's words. Of rows from before the column nobody knows.
IS_ANSWER = "role = 'a' and (kind is null or kind in ('answer', 'person'))"
# What a claimed turn consists of, for a select from `turn` joined with `conversation`. Messages are
# JSON: one row per turn, so that one statement reads all of a batch.
TURN_COLUMNS = f"""turn.id as turn_id, turn.last_message_id,
  turn.superseded + turn.put_off as superseded,
  coalesce(turn.first_claimed_at, turn.opened_at) as first_claimed_at,
  conversation.id as conversation_id, conversation.phone_number_id,
  coalesce(conversation.address, conversation.contact_id) as contact_id,
  conversation.wa_id, conversation.contact_name, conversation.opted_out,
  case when conversation.taken_over_until is not null
    then least(conversation.taken_over_until, now() + interval '1 day') end as taken_over_until,
  coalesce(conversation.taken_over_until > now(), false) as handed_over,
  coalesce(conversation.fallback_at > now() - interval '{FALLBACK_MINUTES} minutes', false)
    as had_fallback,
  coalesce(conversation.loop_until > now(), false) as in_loop,
  conversation.disclosed_at is not null as disclosed, conversation.closed_text_at,
  conversation.budget_text_on,
  case when turn.state = {RUNNING} then
  (select json_agg({MESSAGE} order by message.id) from (
    select m.*, sum(octet_length(body)) over (order by id) - octet_length(body) as before from (
      select * from message where message.conversation_id = turn.conversation_id
        and turn_id is null and id <= turn.last_message_id
      order by id limit {PENDING_LIMIT}) m) message
   where before < {PENDING_BYTES}) end as pending,
  case when turn.state = {RUNNING} then
  (select json_agg({MESSAGE} order by message.turn_id, message.id) from (
    select m.*, sum(octet_length(body)) over (order by turn_id desc, id desc) - octet_length(body)
      as after
    from (
      select * from message where message.conversation_id = turn.conversation_id
        and turn_id = any(array(select turn_id from message
          where message.conversation_id = turn.conversation_id and {IS_ANSWER}
          order by turn_id desc limit {HISTORY_TURNS}))
        and body <> '' and (role = 'u' or {IS_ANSWER})
      order by turn_id desc, id desc limit {HISTORY_LIMIT}) m) message
   where after < {HISTORY_BYTES}) end as history,
  coalesce((select sent_at > now() - interval '{BUSY_MINUTES} minutes' from message
    where message.conversation_id = turn.conversation_id and {IS_ANSWER}
      and kind is distinct from 'person'
    order by message.turn_id desc offset {BUSY_TURNS} limit 1), false) as is_busy"""
# The turns that a claim has just taken. Ids are matched with `= any`: in a plain join the planner
# may read a whole table.
LOAD_CLAIMED = f"""
select {names(CLAIM, "turn.")}, {TURN_COLUMNS}
from turn join conversation on conversation.id = turn.conversation_id
where turn.id = any(%(ids)s::bigint[]) and {written_now("turn")}
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message; wamid is None for the assistant's own. kind: None for the contact's, else
    answer, fallback, notice, or person: one of the business wrote it. media: a file
    that can be opened. quoted: the beginning of the text that it answers to."""

    conversation_id: int
    id: int
    turn_id: int | None
    role: str
    wamid: str | None
    body: str
    sent_at: datetime
    trace_id: str
    kind: str | None = None
    media: MessageMedia | None = None
    quoted: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """taken_over_until: the end of a handover, also a past one; a day from now at most.
    budget_text_on: the day, of the client's, on which the contact was last told of a spent budget.
    """

    id: int
    tenant_id: int
    phone_number_id: str
    contact_id: str
    wa_id: str | None
    contact_name: str | None
    opted_out: bool
    handed_over: bool
    had_fallback: bool
    in_loop: bool
    disclosed: bool
    closed_text_at: datetime | None
    taken_over_until: datetime | None = None
    budget_text_on: date | None = None

    @property
    def handover_ended(self) -> bool:
        """Its time is over, which nothing has noted yet."""
        return self.taken_over_until is not None and not self.handed_over

    @property
    def key(self) -> str:
        return conversation_key(self.phone_number_id, self.contact_id)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """pending: the messages to answer, oldest first. history: earlier turns that were answered.

    last_message_id: what comes after it is for the next turn. superseded: claims that ended because
    a newer message came, or in a handover. first_claimed_at: when the turn was begun. is_busy: the
    conversation had more than BUSY_TURNS answers in the last BUSY_MINUTES. calls: of the
    model, in this claim; the handler adds them, and the finish settles them whatever becomes of it.
    """

    turn_id: int
    last_message_id: int
    superseded: int
    conversation: Conversation
    pending: tuple[StoredMessage, ...]
    history: tuple[tuple[StoredMessage, ...], ...]
    first_claimed_at: datetime
    is_busy: bool = False
    calls: list[ModelCall] = field(default_factory=list)

    @property
    def pending_count(self) -> int:
        return len(self.pending)

    @property
    def trace_id(self) -> str:
        return self.pending[-1].trace_id

    @property
    def last_inbound_at(self) -> datetime:
        return max(message.sent_at for message in self.pending)


def turn_context(row: Any) -> TurnContext:
    """row: with TURN_COLUMNS and the turn's tenant_id."""
    conversation = Conversation(
        id=row.conversation_id,
        tenant_id=row.tenant_id,
        phone_number_id=row.phone_number_id,
        contact_id=row.contact_id,
        wa_id=row.wa_id,
        contact_name=row.contact_name,
        opted_out=row.opted_out,
        handed_over=row.handed_over,
        had_fallback=row.had_fallback,
        in_loop=row.in_loop,
        disclosed=row.disclosed,
        closed_text_at=row.closed_text_at,
        taken_over_until=row.taken_over_until,
        budget_text_on=row.budget_text_on,
    )
    pending = messages_of(row.pending)
    return TurnContext(
        turn_id=row.turn_id,
        last_message_id=pending[-1].id if is_cut(pending) else row.last_message_id,
        superseded=row.superseded,
        conversation=conversation,
        pending=pending,
        history=past_turns(messages_of(row.history)),
        first_claimed_at=row.first_claimed_at,
        is_busy=row.is_busy,
    )


def messages_of(rows: Sequence[Sequence[Any]] | None) -> tuple[StoredMessage, ...]:
    """rows: as MESSAGE builds them."""
    return tuple(map(stored_message, rows or ()))


def stored_message(values: Sequence[Any]) -> StoredMessage:
    conversation_id, id, turn_id, role, wamid, body, microseconds, *of_some = values
    trace_id, kind, column, quoted = of_some
    return StoredMessage(
        conversation_id=conversation_id,
        id=id,
        turn_id=turn_id,
        role=role,
        wamid=wamid,
        body=body,
        sent_at=datetime.fromtimestamp(microseconds / 1e6, UTC),
        trace_id=trace_id,
        kind=kind,
        media=message_media(column),
        quoted=quoted,
    )


def is_cut(pending: Sequence[StoredMessage]) -> bool:
    """Whether more may wait than the turn can answer."""
    return len(pending) == PENDING_LIMIT or size_of(pending) >= PENDING_BYTES


def past_turns(messages: Sequence[StoredMessage]) -> tuple[tuple[StoredMessage, ...], ...]:
    """Whole answered turns of messages by turn, oldest first; a turn that a limit may have cut is
    left out. A person may have written without a message to answer."""
    turns: dict[int | None, list[StoredMessage]] = {}
    for message in messages:
        turns.setdefault(message.turn_id, []).append(message)
    if len(messages) == HISTORY_LIMIT or size_of(messages) >= HISTORY_BYTES:
        turns.pop(messages[0].turn_id)
    return tuple(tuple(turn) for turn in turns.values() if is_answered(turn))


def is_answered(turn: Sequence[StoredMessage]) -> bool:
    roles = {message.role for message in turn}
    return roles == {*"ua"} or any(message.kind == "person" for message in turn)


def size_of(messages: Sequence[StoredMessage]) -> int:
    """Bytes of text."""
    return sum(len(message.body.encode()) for message in messages)
