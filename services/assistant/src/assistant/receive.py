"""Hop 3a: messages.inbound becomes rows, one transaction per batch.

Each message is stored once (unique wamid per tenant) and opens its conversation's turn or puts it
off until the contact has been quiet for the client's window. A running turn is superseded, at most
three times; after that the finish opens the next turn. A turn that waits to be tried again keeps
its due time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from assistant.conversations import Conversations
from assistant.tables import TURNS
from common.events import MessageReceived, TenantConfig
from common.lenient_json import storable
from common.postgres.database import sqlstate
from common.postgres.rows import names, rows_as, unnest
from common.work import Hint

MAX_WAIT_SECONDS = 10.0  # a contact who never pauses is answered after this
MAX_SUPERSEDED = 3
FOREIGN_KEY_VIOLATION = "23503"

MESSAGE = {
    "tenant_id": "int",
    "wamid": "text",
    "conversation_id": "bigint",
    "body": "text",
    "sent_at": "timestamptz",
    "trace_id": "text",
}
# Each message once, in the order of the batch; returns those that were new.
STORE_MESSAGES = f"""
insert into message ({names(MESSAGE)}, role)
select {names(MESSAGE)}, 'u' from {unnest(MESSAGE)} order by ordinality
on conflict (tenant_id, wamid) do nothing
returning id, tenant_id, conversation_id
"""

SUPERSEDES = f"({TURNS.is_running} and turn.superseded < {MAX_SUPERSEDED})"
NEWEST = {
    "tenant_id": "int",
    "conversation_id": "bigint",
    "last_message_id": "bigint",
    "quiet_seconds": "float8",
}
# One open turn per conversation: a new one, or the open one put off or superseded. Open turns are
# locked in the order of their ids, like at their finish.
OPEN_TURNS = f"""
insert into turn (tenant_id, conversation_id, due_at, last_message_id)
select newest.tenant_id, newest.conversation_id,
  now() + newest.quiet_seconds * interval '1 second', newest.last_message_id
from {unnest(NEWEST, "newest")}
left join (
  select id, conversation_id from turn
  where conversation_id = any(%(conversation_id)s::bigint[]) and finished_at is null) as open_turn
  on open_turn.conversation_id = newest.conversation_id
order by open_turn.id, newest.conversation_id
on conflict (conversation_id) where finished_at is null do update set
  due_at = greatest(turn.due_at,
    least(excluded.due_at, turn.opened_at + interval '{MAX_WAIT_SECONDS} seconds')),
  last_message_id = greatest(turn.last_message_id, excluded.last_message_id),
  superseded = turn.superseded + {SUPERSEDES}::int,
  {TURNS.void_claim(SUPERSEDES)}
returning id, tenant_id,
  greatest(0, extract(epoch from due_at - clock_timestamp()))::float8 as delay
"""


class MessageReceiver:
    """The consumer's store function, and what it does after the commit."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        hint: Callable[[Sequence[Hint]], None],
    ) -> None:
        """tenant_of(phone_number_id): the number's tenant now."""
        self._tenant_of = tenant_of
        self._hint = hint
        self._conversations = Conversations()

    def store(self, connection: Connection, events: Sequence[MessageReceived]) -> list[Hint]:
        """Returns the turns that were opened or moved."""
        batch = ordered(events)
        ids = self._conversations.find_or_create(connection, batch)
        new = self._store_messages(connection, message_columns(batch, ids))
        newest = {message.conversation_id: message for message in new}
        if not newest:
            return []
        numbers = {ids[event.tenant_id, event.contact_id]: event.phone_number_id for event in batch}
        values = {
            "tenant_id": [message.tenant_id for message in newest.values()],
            "conversation_id": list(newest),
            "last_message_id": [message.id for message in newest.values()],
            "quiet_seconds": [self._quiet_seconds(numbers[id]) for id in newest],
        }
        return rows_as(Hint, connection.exec_driver_sql(OPEN_TURNS, values))

    def _store_messages(
        self, connection: Connection, columns: dict[str, list[object]]
    ) -> Sequence[Row[Any]]:
        """A conversation that an operator has erased may still be cached: the consumer's next try
        finds it created again."""
        try:
            return connection.exec_driver_sql(STORE_MESSAGES, columns).all()
        except IntegrityError as error:
            if sqlstate(error) == FOREIGN_KEY_VIOLATION:
                self._conversations.forget()
            raise

    def after_commit(self, hints: Sequence[Hint]) -> None:
        """Caches the new ids and hints the turns to the runner."""
        self._conversations.remember()
        self._hint(hints)

    def _quiet_seconds(self, phone_number_id: str) -> float:
        tenant = self._tenant_of(phone_number_id)
        return tenant.settings.quiet_window_ms / 1000 if tenant else 0.0


def ordered(events: Sequence[MessageReceived]) -> list[MessageReceived]:
    """Each message once, by conversation so that locks are taken in one order, oldest first."""
    once: dict[tuple[int, str], MessageReceived] = {}
    for event in events:
        once.setdefault((event.tenant_id, event.wamid), event)
    return sorted(once.values(), key=lambda event: (event.tenant_id, event.contact_id))


def message_columns(
    batch: Sequence[MessageReceived], ids: dict[tuple[int, str], int]
) -> dict[str, list[object]]:
    return {
        "tenant_id": [event.tenant_id for event in batch],
        "wamid": [event.wamid for event in batch],
        "conversation_id": [ids[event.tenant_id, event.contact_id] for event in batch],
        "body": [storable(event.text) for event in batch],
        "sent_at": [event.sent_at for event in batch],
        "trace_id": [event.trace_id for event in batch],
    }
