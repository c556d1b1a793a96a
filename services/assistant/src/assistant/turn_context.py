"""A turn as the handler sees it, and how it is loaded from the database."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row

from common.events import conversation_key
from common.postgres.rows import arrays, names, rows_as, unnest

HISTORY_LIMIT = 40  # messages of earlier turns per conversation
PENDING_LIMIT = 500  # messages that one turn can answer; the next turn takes the rest

# Claimed turns with their conversations. Ids are matched with `= any`: in a plain join the planner
# may read a whole table.
LOAD_TURNS = """
with claimed as materialized (select * from turn where id = any(%(ids)s::bigint[]))
select claimed.id as turn_id, claimed.last_message_id, claimed.superseded,
  conversation.id as conversation_id, conversation.tenant_id, conversation.phone_number_id,
  conversation.contact_id, conversation.wa_id, conversation.contact_name, conversation.opted_out,
  coalesce(conversation.taken_over_until > now(), false) as handed_over
from claimed join conversation on conversation.id = claimed.conversation_id
where conversation.id = any(array(select conversation_id from claimed))
"""

CLAIMED = {"conversation_id": "bigint", "last_message_id": "bigint"}
MESSAGE_COLUMNS = names(
    ["conversation_id", "id", "turn_id", "role::text", "wamid", "body", "sent_at", "trace_id"],
    prefix="message.",
)
# The messages to answer, oldest first, and the newest of earlier turns, per conversation.
LOAD_MESSAGES = f"""
with claimed as (select * from {unnest(CLAIMED)})
select {MESSAGE_COLUMNS} from claimed
cross join lateral (
  select * from message
  where message.conversation_id = claimed.conversation_id and turn_id is null
    and id <= claimed.last_message_id
  order by id limit {PENDING_LIMIT}) as message
union all
select {MESSAGE_COLUMNS} from claimed
cross join lateral (
  select * from message
  where message.conversation_id = claimed.conversation_id and turn_id is not null
  order by id desc limit {HISTORY_LIMIT}) as message
order by conversation_id, id
"""

# Tokens that clients have used today (UTC).
LOAD_TOKENS = """
select tenant_id, sum(input_tokens + output_tokens)::bigint as tokens from usage
where tenant_id = any(%(tenants)s::int[]) and day = (now() at time zone 'utc')::date
group by tenant_id
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message; wamid is None for the assistant's own."""

    conversation_id: int
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
    handed_over: bool

    @property
    def key(self) -> str:
        return conversation_key(self.phone_number_id, self.contact_id)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """pending: the messages to answer, oldest first. history: earlier turns that were answered.

    last_message_id: what comes after it is for the next turn. superseded: claims that ended because
    a newer message came.
    """

    turn_id: int
    last_message_id: int
    superseded: int
    conversation: Conversation
    pending: tuple[StoredMessage, ...]
    history: tuple[tuple[StoredMessage, ...], ...]
    tokens_today: int = 0

    @property
    def trace_id(self) -> str:
        return self.pending[-1].trace_id

    @property
    def last_inbound_at(self) -> datetime:
        return max(message.sent_at for message in self.pending)


def load_turns(
    connection: Connection, turn_ids: Sequence[int], has_budget: Callable[[str], bool]
) -> list[TurnContext]:
    """The turns with their messages, in the given order.

    has_budget(phone_number_id): whether the client's tokens of today are needed.
    """
    rows = connection.exec_driver_sql(LOAD_TURNS, {"ids": list(turn_ids)}).all()
    messages = load_messages(connection, rows)
    tokens = load_tokens(
        connection, {row.tenant_id for row in rows if has_budget(row.phone_number_id)}
    )
    turns = {
        row.turn_id: turn_context(row, messages.get(row.conversation_id, []), tokens)
        for row in rows
    }
    return [turns[id] for id in turn_ids]


def load_messages(
    connection: Connection, turns: Sequence[Row[Any]]
) -> dict[int, list[StoredMessage]]:
    """By conversation id."""
    result = connection.exec_driver_sql(LOAD_MESSAGES, arrays(CLAIMED, turns))
    groups = groupby(rows_as(StoredMessage, result), key=attrgetter("conversation_id"))
    return {conversation_id: list(messages) for conversation_id, messages in groups}


def load_tokens(connection: Connection, tenants: Collection[int]) -> dict[int, int]:
    """tenant_id -> tokens used today (UTC)."""
    if not tenants:
        return {}
    rows = connection.exec_driver_sql(LOAD_TOKENS, {"tenants": list(tenants)})
    return {row.tenant_id: row.tokens for row in rows}


def turn_context(
    row: Row[Any], messages: Sequence[StoredMessage], tokens: dict[int, int]
) -> TurnContext:
    conversation = Conversation(
        id=row.conversation_id,
        tenant_id=row.tenant_id,
        phone_number_id=row.phone_number_id,
        contact_id=row.contact_id,
        wa_id=row.wa_id,
        contact_name=row.contact_name,
        opted_out=row.opted_out,
        handed_over=row.handed_over,
    )
    pending = tuple(message for message in messages if message.turn_id is None)
    return TurnContext(
        turn_id=row.turn_id,
        last_message_id=pending[-1].id if len(pending) == PENDING_LIMIT else row.last_message_id,
        superseded=row.superseded,
        conversation=conversation,
        pending=pending,
        history=past_turns([message for message in messages if message.turn_id is not None]),
        tokens_today=tokens.get(conversation.tenant_id, 0),
    )


def past_turns(messages: Sequence[StoredMessage]) -> tuple[tuple[StoredMessage, ...], ...]:
    """Whole answered turns, oldest first; a turn that HISTORY_LIMIT may have cut is left out."""
    turns: dict[int | None, list[StoredMessage]] = {}
    for message in messages:
        turns.setdefault(message.turn_id, []).append(message)
    if len(messages) == HISTORY_LIMIT:
        turns.pop(messages[0].turn_id)
    return tuple(
        tuple(turn) for turn in turns.values() if {message.role for message in turn} == {*"ua"}
    )
