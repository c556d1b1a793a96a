"""A turn as the handler sees it, and how it is read from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from common.events import conversation_key

HISTORY_READ = 40  # messages of earlier turns per conversation

READ_TURNS = """
select t.id, t.last_message_id, c.id, c.tenant_id, c.phone_number_id, c.contact_id, c.wa_id,
  c.contact_name, c.opted_out, coalesce(c.taken_over_until > now(), false)
from turn t join conversation c on c.id = t.conversation_id where t.id = any(%(ids)s::bigint[])
"""

READ_MESSAGES = f"""
with wanted as (
  select * from unnest(%(conversation)s::bigint[], %(last)s::bigint[]) u(conversation, last))
select conversation, id, turn_id, role::text, wamid, body, sent_at, trace_id from wanted u
cross join lateral (
  select * from message where conversation_id = u.conversation and turn_id is null
    and id <= u.last) pending
union all
select conversation, id, turn_id, role::text, wamid, body, sent_at, trace_id from wanted u
cross join lateral (
  select * from message where conversation_id = u.conversation and turn_id is not null
  order by id desc limit {HISTORY_READ}) answered
order by conversation, id
"""

READ_TOKENS = """
select tenant_id, sum(input_tokens + output_tokens)::bigint from usage
where tenant_id = any(%(tenants)s::int[]) and day = (now() at time zone 'utc')::date
group by tenant_id
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; wamid is None for the assistant's own."""

    id: int
    turn_id: int | None
    role: str
    wamid: str | None
    body: str
    sent_at: datetime
    trace_id: str


@dataclass(frozen=True, slots=True)
class Conversation:
    id: int
    tenant_id: int
    phone_number_id: str
    contact_id: str
    wa_id: str | None
    contact_name: str | None
    opted_out: bool
    taken_over: bool

    @property
    def key(self) -> str:
        return conversation_key(self.phone_number_id, self.contact_id)


@dataclass(frozen=True, slots=True)
class TurnItem:
    """pending: the messages to answer, oldest first. history: earlier turns that were answered."""

    turn_id: int
    last_message_id: int
    conversation: Conversation
    pending: tuple[Message, ...]
    history: tuple[tuple[Message, ...], ...]
    tokens_today: int = 0

    @property
    def trace_id(self) -> str:
        return self.pending[-1].trace_id

    @property
    def last_inbound_at(self) -> datetime:
        return max(message.sent_at for message in self.pending)


def read(
    connection: Connection, turn_ids: Sequence[int], budgeted: Sequence[int]
) -> list[TurnItem]:
    """The turns with their messages, in the given order. budgeted: tenants whose use counts."""
    rows = connection.exec_driver_sql(READ_TURNS, {"ids": list(turn_ids)}).all()
    turns: dict[int, Sequence[Any]] = {row[0]: row for row in rows}
    wanted = {
        "conversation": [row[2] for row in turns.values()],
        "last": [row[1] for row in turns.values()],
    }
    messages = by_conversation(connection.exec_driver_sql(READ_MESSAGES, wanted).all())
    tokens = read_tokens(connection, budgeted)
    return [item(turns[id], messages.get(turns[id][2], []), tokens) for id in turn_ids]


def read_tokens(connection: Connection, tenants: Sequence[int]) -> dict[int, int]:
    """tenant_id -> tokens used today (UTC)."""
    if not tenants:
        return {}
    found = connection.exec_driver_sql(READ_TOKENS, {"tenants": list(tenants)})
    return {row[0]: row[1] for row in found}


def by_conversation(rows: Sequence[Sequence[Any]]) -> dict[int, list[Message]]:
    groups = groupby(rows, key=lambda row: row[0])
    return {conversation: [Message(*row[1:]) for row in group] for conversation, group in groups}


def item(row: Sequence[Any], messages: Sequence[Message], tokens: dict[int, int]) -> TurnItem:
    conversation = Conversation(*row[2:])
    return TurnItem(
        turn_id=row[0],
        last_message_id=row[1],
        conversation=conversation,
        pending=tuple(message for message in messages if message.turn_id is None),
        history=past_turns([message for message in messages if message.turn_id is not None]),
        tokens_today=tokens.get(conversation.tenant_id, 0),
    )


def past_turns(messages: Sequence[Message]) -> tuple[tuple[Message, ...], ...]:
    """Whole answered turns, oldest first; a turn cut by the read limit is left out whole."""
    turns: dict[int | None, list[Message]] = {}
    for message in messages:
        turns.setdefault(message.turn_id, []).append(message)
    if len(messages) == HISTORY_READ:
        turns.pop(messages[0].turn_id)
    answered = (turn for turn in turns.values() if any(said.role == "a" for said in turn))
    return tuple(tuple(turn) for turn in answered)
