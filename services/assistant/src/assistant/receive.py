"""Hop 3a: messages.inbound becomes rows, one transaction per batch.

Each message is stored once (unique wamid per tenant) and opens its conversation's turn or puts it
off until the contact has been quiet for the client's window. A running turn is superseded, at most
three times; after that the finish opens the next turn. A turn that waits to be tried again keeps
its due time; one that waits for a handover's end is looked at, for the message may be a command. A
command waits for no retry: it supersedes always, and makes such a turn due.
"""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg2 import IntegrityError

from assistant.commands import command_of
from assistant.conversations import (
    HAS_ALIAS_CONFLICT,
    Conversations,
    conversation_of,
    person_key,
)
from assistant.media import media_column
from assistant.message_changes import apply_changes, log_alias_conflict
from assistant.tables import MAX_SUPERSEDED, TURNS
from assistant.turn_context import PUT_OFF, TURN_COLUMNS
from common.events import MessageReceived, TenantConfig, TenantSettings
from common.lenient_json import storable
from common.outbox_rows import OutboxRow, add
from common.postgres.connection import Connection, Statement
from common.postgres.prepared import Prepared
from common.postgres.rows import arrays, names, unnest
from common.work import Lease
from common.work.schema import RUNNING
from common.work.statements import CLAIM, written_now

# A contact who never pauses is answered after this, or after twice the quiet window.
MAX_WAIT_SECONDS = 10.0
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
    "reply_to": "text",
}
# Each message once, in the order of the batch. A contact without a conversation is an error: one
# that was cached has been erased.
STORE_MESSAGES = Prepared(f"""
insert into message (tenant_id, wamid, conversation_id, body, sent_at, trace_id, media, reply_to,
  role)
select tenant_id, wamid, {conversation_of("given.tenant_id", "given.contact_id")}, text, sent_at,
  trace_id, media, reply_to, 'u'
from {unnest(MESSAGE)}
order by ordinality
on conflict (tenant_id, wamid) do nothing
""")

GIVEN = {
    "tenant_id": "int",
    "wamid": "text",
    "quiet_seconds": "float8",
    "is_command": "boolean",
}
# The messages of the batch that were new.
NEW_MESSAGES = f"""{unnest(GIVEN)} join message
  on message.tenant_id = given.tenant_id and message.wamid = given.wamid
  and {written_now("message")}"""
IS_COMMAND = "excluded.reason is not null"  # that is how the insert of OPEN_TURNS says it
SUPERSEDES = f"({TURNS.is_running} and (turn.superseded < {MAX_SUPERSEDED} or {IS_COMMAND}))"
# One open turn per conversation: a new one, or the open one put off or superseded. A new one is
# claimed at once where it has no quiet window and the lease has an owner. Open turns are locked in
# the order of their ids, like at their finish.
OPEN_TURNS = Prepared(f"""
with newest as materialized (
  select message.tenant_id, message.conversation_id, max(message.id) as last_message_id,
    max(quiet_seconds) as quiet_seconds, bool_or(is_command) as is_command
  from {NEW_MESSAGES} group by message.tenant_id, message.conversation_id)
insert into turn (tenant_id, conversation_id, due_at, last_message_id, reason,
  {names(TURNS.claim_columns)})
select newest.tenant_id, newest.conversation_id,
  now() + newest.quiet_seconds * interval '1 second', newest.last_message_id,
  case when newest.is_command then 'command' end,
  {TURNS.claim_values("newest.quiet_seconds <= 0")}
from newest left join (
  select id, conversation_id from turn
  where conversation_id = any(array(select conversation_id from newest)) and finished_at is null
) as open_turn on open_turn.conversation_id = newest.conversation_id
order by open_turn.id, newest.conversation_id
on conflict (conversation_id) where finished_at is null do update set
  due_at = case when turn.reason = '{PUT_OFF}' then least(turn.due_at, excluded.due_at)
    when {IS_COMMAND} and turn.attempts > 0 then now()
    else greatest(turn.due_at, least(excluded.due_at, turn.opened_at
      + greatest(interval '{MAX_WAIT_SECONDS} seconds', 2 * (excluded.due_at - now())))) end,
  last_message_id = greatest(turn.last_message_id, excluded.last_message_id),
  superseded = turn.superseded + {SUPERSEDES}::int,
  {TURNS.void_claim(SUPERSEDES)}
""")
# The turns that were opened or moved: those just claimed, with what they consist of, and others. A
# running turn that was only moved has an older claim.
READ_TURNS = Prepared(f"""
select {names(CLAIM, "turn.")}, turn.state = {RUNNING} and turn.epoch = 1 as running,
  greatest(0, extract(epoch from turn.due_at - clock_timestamp()))::float8 as delay,
  %(new_contacts)s::boolean and {HAS_ALIAS_CONFLICT} as alias_conflict, {TURN_COLUMNS}
from turn join conversation on conversation.id = turn.conversation_id
where turn.conversation_id = any(array(select message.conversation_id from {NEW_MESSAGES}))
  and turn.finished_at is null and {written_now("turn")}
""")


class MessageReceiver:
    """The consumer's store function, and what it does after the commit."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        publish: Callable[[Sequence[OutboxRow]], None],
    ) -> None:
        """tenant_of(phone_number_id): the number's tenant now. publish: after the commit."""
        self._tenant_of = tenant_of
        self._publish = publish
        self._conversations = Conversations()
        self._outcomes: Sequence[OutboxRow] = ()

    def store(
        self, connection: Connection, events: Sequence[MessageReceived], lease: Lease
    ) -> Sequence[Any]:
        """One round trip where nothing is changed; see common.work.runner.StoreRows."""
        batch = ordered(events)
        self._outcomes = ()  # of a transaction that failed
        try:
            if any(event.is_change for event in batch):
                return self._store_with_changes(connection, batch, Lease(None, lease.seconds))
            statements = [
                *self._conversations.statements(batch),
                (STORE_MESSAGES, message_columns(batch)),
                *self._open_turns(batch, lease),
            ]
            rows = connection.execute_together(statements, commit=True).all()
        except IntegrityError as error:
            # A conversation that an operator has erased is still cached: the consumer's next try
            # creates it again.
            if error.pgcode == NOT_NULL_VIOLATION:
                self._conversations.forget()
            raise
        report_conflicts(rows)
        return rows

    def _store_with_changes(
        self, connection: Connection, batch: Sequence[MessageReceived], lease: Lease
    ) -> Sequence[Any]:
        """Messages first: a change may be one of theirs. lease: nothing is claimed."""
        messages = [event for event in batch if not event.is_change]
        changes = [as_stored(event) for event in batch if event.is_change]
        contacts = self._conversations.statements(batch)
        connection.execute_together([*contacts, (STORE_MESSAGES, message_columns(messages))])
        applied = apply_changes(connection, changes)
        texts = (STORE_MESSAGES, message_columns(applied.new_texts))
        turns = self._open_turns([*messages, *applied.new_texts], lease)
        rows = connection.execute_together([texts, *turns]).all()
        self._outcomes = add(connection, applied.drafts)
        report_conflicts(rows)
        return [*rows, *applied.due]

    def after_commit(self) -> None:
        self._conversations.remember()
        self._publish(self._outcomes)
        self._outcomes = ()

    def _open_turns(self, messages: Sequence[MessageReceived], lease: Lease) -> list[Statement]:
        """The last one returns the turns."""
        settings = [self._settings_of(event) for event in messages]
        given = {
            "tenant_id": [event.tenant_id for event in messages],
            "wamid": [event.wamid for event in messages],
            "quiet_seconds": [own.quiet_window_ms / 1000 if own else 0.0 for own in settings],
            "is_command": [
                own is not None and command_of(event.text, own) is not None
                for event, own in zip(messages, settings, strict=True)
            ],
        }
        new_contacts = {"new_contacts": self._conversations.has_changes}
        return [(OPEN_TURNS, given | lease.values), (READ_TURNS, given | new_contacts)]

    def _settings_of(self, event: MessageReceived) -> TenantSettings | None:
        tenant = self._tenant_of(event.phone_number_id)
        return tenant.settings if tenant else None


def report_conflicts(rows: Sequence[Any]) -> None:
    """rows: of READ_TURNS."""
    for row in rows:
        if row.alias_conflict:
            log_alias_conflict(row.tenant_id, row.conversation_id)


def ordered(events: Sequence[MessageReceived]) -> list[MessageReceived]:
    """Each message once, by conversation so that locks are taken in one order, oldest first."""
    once: dict[tuple[int, str], MessageReceived] = {}
    for event in events:
        once.setdefault((event.tenant_id, event.wamid), event)
    return sorted(once.values(), key=person_key)


def message_columns(batch: Sequence[MessageReceived]) -> dict[str, list[Any]]:
    return arrays(MESSAGE, batch) | {
        "text": [body_of(event.text) for event in batch],
        "media": [media_column(event) for event in batch],
    }


def as_stored(event: MessageReceived) -> MessageReceived:
    return event.model_copy(update={"text": body_of(event.text)})


def body_of(text: str) -> str:
    """What is stored: without what PostgreSQL cannot hold, and cut at BODY_BYTES."""
    body = storable(text)
    if len(body) * 4 > BODY_BYTES:
        return body.encode()[:BODY_BYTES].decode(errors="ignore")
    return body
