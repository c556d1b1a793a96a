"""Hop 3a: messages.inbound becomes rows, one transaction per batch.

Each message is stored once (unique wamid per tenant) and opens its conversation's turn or puts it
off until the contact has been quiet for the client's window. A running turn is superseded, at most
three times; after that the finish opens the next turn. A turn that waits to be tried again keeps
its due time.
"""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg2 import IntegrityError

from assistant.conversations import Conversations
from assistant.media import media_column
from assistant.tables import TURNS
from assistant.turn_context import TURN_COLUMNS
from common.events import MessageReceived, TenantConfig
from common.lenient_json import storable
from common.postgres.connection import Connection
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.work import Lease
from common.work.schema import RUNNING
from common.work.statements import CLAIM, written_now

MAX_WAIT_SECONDS = 10.0  # a contact who never pauses is answered after this
MAX_SUPERSEDED = 3
NOT_NULL_VIOLATION = "23502"
BODY_BYTES = 65_536  # a person may send 65,536 characters; no model needs four bytes of each

MESSAGE = {
    "tenant_id": "int",
    "wamid": "text",
    "contact_id": "text",
    "text": "text",
    "sent_at": "timestamptz",
    "trace_id": "text",
    "media": "jsonb",
}
# Each message once, in the order of the batch. A contact without a conversation is an error: one
# that was cached has been erased.
STORE_MESSAGES = Prepared(f"""
insert into message (tenant_id, wamid, conversation_id, body, sent_at, trace_id, media, role)
select given.tenant_id, wamid, conversation.id, text, sent_at, trace_id, media, 'u'
from {unnest(MESSAGE)}
left join conversation on conversation.tenant_id = given.tenant_id
  and conversation.contact_id = given.contact_id
order by ordinality
on conflict (tenant_id, wamid) do nothing
""")

GIVEN = {"tenant_id": "int", "wamid": "text", "quiet_seconds": "float8"}
# The messages of the batch that were new.
NEW_MESSAGES = f"""{unnest(GIVEN)} join message
  on message.tenant_id = given.tenant_id and message.wamid = given.wamid
  and {written_now("message")}"""
SUPERSEDES = f"({TURNS.is_running} and turn.superseded < {MAX_SUPERSEDED})"
# One open turn per conversation: a new one, or the open one put off or superseded. A new one is
# claimed at once where it has no quiet window and the lease has an owner. Open turns are locked in
# the order of their ids, like at their finish.
OPEN_TURNS = Prepared(f"""
with newest as materialized (
  select message.tenant_id, message.conversation_id, max(message.id) as last_message_id,
    max(quiet_seconds) as quiet_seconds
  from {NEW_MESSAGES} group by message.tenant_id, message.conversation_id)
insert into turn (tenant_id, conversation_id, due_at, last_message_id, {names(TURNS.claim_columns)})
select newest.tenant_id, newest.conversation_id,
  now() + newest.quiet_seconds * interval '1 second', newest.last_message_id,
  {TURNS.claim_values("newest.quiet_seconds <= 0")}
from newest left join (
  select id, conversation_id from turn
  where conversation_id = any(array(select conversation_id from newest)) and finished_at is null
) as open_turn on open_turn.conversation_id = newest.conversation_id
order by open_turn.id, newest.conversation_id
on conflict (conversation_id) where finished_at is null do update set
  due_at = greatest(turn.due_at,
    least(excluded.due_at, turn.opened_at + interval '{MAX_WAIT_SECONDS} seconds')),
  last_message_id = greatest(turn.last_message_id, excluded.last_message_id),
  superseded = turn.superseded + {SUPERSEDES}::int,
  {TURNS.void_claim(SUPERSEDES)}
""")
# The turns that were opened or moved: those just claimed, with what they consist of, and others. A
# running turn that was only moved has an older claim.
READ_TURNS = Prepared(f"""
select {names(CLAIM, "turn.")}, turn.state = {RUNNING} and turn.epoch = 1 as running,
  greatest(0, extract(epoch from turn.due_at - clock_timestamp()))::float8 as delay, {TURN_COLUMNS}
from turn join conversation on conversation.id = turn.conversation_id
where turn.conversation_id = any(array(select message.conversation_id from {NEW_MESSAGES}))
  and turn.finished_at is null and {written_now("turn")}
""")


class MessageReceiver:
    """The consumer's store function, and what it does after the commit."""

    def __init__(self, tenant_of: Callable[[str], TenantConfig | None]) -> None:
        """tenant_of(phone_number_id): the number's tenant now."""
        self._tenant_of = tenant_of
        self._conversations = Conversations()

    def store(
        self, connection: Connection, events: Sequence[MessageReceived], lease: Lease
    ) -> Sequence[Any]:
        """One round trip; see common.work.runner.StoreRows."""
        batch = ordered(events)
        given = {
            "tenant_id": [event.tenant_id for event in batch],
            "wamid": [event.wamid for event in batch],
            "quiet_seconds": [self._quiet_seconds(event.phone_number_id) for event in batch],
        }
        statements = [
            *self._conversations.statements(batch),
            (STORE_MESSAGES, message_columns(batch)),
            (OPEN_TURNS, given | lease.values),
            (READ_TURNS, given),
        ]
        try:
            return connection.execute_together(statements, commit=True).all()
        except IntegrityError as error:
            # A conversation that an operator has erased is still cached: the consumer's next try
            # creates it again.
            if error.pgcode == NOT_NULL_VIOLATION:
                self._conversations.forget()
            raise

    def after_commit(self) -> None:
        self._conversations.remember()

    def _quiet_seconds(self, phone_number_id: str) -> float:
        tenant = self._tenant_of(phone_number_id)
        return tenant.settings.quiet_window_ms / 1000 if tenant else 0.0


def ordered(events: Sequence[MessageReceived]) -> list[MessageReceived]:
    """Each message once, by conversation so that locks are taken in one order, oldest first."""
    once: dict[tuple[int, str], MessageReceived] = {}
    for event in events:
        once.setdefault((event.tenant_id, event.wamid), event)
    return sorted(once.values(), key=lambda event: (event.tenant_id, event.contact_id))


def message_columns(batch: Sequence[MessageReceived]) -> dict[str, list[Any]]:
    return arrays(MESSAGE, batch) | {
        "text": [body_of(event.text) for event in batch],
        "media": [media_column(event) for event in batch],
    }


def body_of(text: str) -> str:
    """What is stored: without what PostgreSQL cannot hold, and cut at BODY_BYTES."""
    body = storable(text)
    if len(body) * 4 > BODY_BYTES:
        return body.encode()[:BODY_BYTES].decode(errors="ignore")
    return body
