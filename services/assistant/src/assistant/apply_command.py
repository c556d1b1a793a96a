"""conversations.commands: people of the business take conversations over, resume them, write.

Each command is one transaction and counts once, however often it comes. Conversation and open turn
are locked before anything else, in the order of every other writer: so an answer was stored before
the command, or never is.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog

from assistant.conversation_changes import ChangedConversation, change_draft, change_statements
from assistant.conversations import ContactDetails, conversation_of, find_statements
from assistant.decide_command import (
    CommandedConversation,
    CommandEffect,
    decide_command,
    description_of,
)
from assistant.receive import body_of
from assistant.tables import TURNS
from assistant.turn_context import PUT_OFF
from common.events import (
    ConversationCommand,
    OutcomeRecorded,
    ReplyReady,
    TenantConfig,
    TenantSettings,
    event_id,
)
from common.outbox import Outbox
from common.outbox_rows import EventDraft, OutboxRow, add, draft
from common.postgres.connection import Connection, Statement
from common.postgres.database import Database
from common.postgres.rows import rows_as
from common.service.clock import Clock
from common.topics import MESSAGES_OUTCOME, REPLIES_OUTBOUND
from common.work import Hint
from common.work.statements import written_now

log = structlog.get_logger()

# Each command once.
REMEMBER = """insert into applied_command (tenant_id, event_id)
values (%(tenant_id)s, %(event_id)s) on conflict do nothing"""
CONVERSATION_ID = f"""coalesce(
  {conversation_of("%(tenant_id)s", "%(contact_id)s")},
  {conversation_of("%(tenant_id)s", "%(wa_id)s")})"""
IS_UNKNOWN = f"select where {CONVERSATION_ID} is null"
LOCK_CONVERSATION = f"select id from conversation where id = {CONVERSATION_ID} for no key update"
LOCK_TURN = f"""
select id from turn where finished_at is null and conversation_id = {CONVERSATION_ID} for update
"""
# No row for a command that was applied before; nulls for an unknown conversation.
READ_CONVERSATION = f"""
select c.id, coalesce(c.address, c.contact_id) as address, c.wa_id, c.opted_out,
  coalesce(c.taken_over_until = 'infinity', false) as is_endless,
  nullif(c.taken_over_until, 'infinity') as taken_over_until, open_turn.id as turn_id,
  coalesce(open_turn.id, (select max(m.turn_id) from message m
    where m.conversation_id = c.id and m.turn_id is not null), 0) as words_turn_id,
  newest.wamid as last_wamid, newest.sent_at as last_inbound_at
from applied_command
left join conversation c on c.id = {CONVERSATION_ID}
left join turn open_turn on open_turn.conversation_id = c.id and open_turn.finished_at is null
left join lateral (select wamid, sent_at from message m
  where m.conversation_id = c.id and m.role = 'u' order by m.sent_at desc limit 1) newest on true
where applied_command.tenant_id = %(tenant_id)s and applied_command.event_id = %(event_id)s
  and {written_now("applied_command")}
"""
# What the contact had written before the person did.
ANSWER_PENDING = """
update message set turn_id = %(turn_id)s where conversation_id = %(id)s and turn_id is null
  and role = 'u' and sent_at <= %(at)s
returning wamid, trace_id
"""
STORE_WORDS = """
insert into message (tenant_id, conversation_id, turn_id, role, kind, body, wamid, sent_at,
  trace_id, reply_id)
values (%(tenant_id)s, %(id)s, %(turn_id)s, 'a', 'person', %(body)s, %(wamid)s, %(at)s,
  %(trace_id)s, %(reply_id)s)
on conflict (tenant_id, wamid) do nothing
"""
# The open turn has nothing left to answer.
END_TURN = f"""
update turn set {TURNS.finish_open("turn", "'person_wrote'")}
where id = %(turn_id)s and finished_at is null and not exists (
  select from message where message.conversation_id = turn.conversation_id
    and message.turn_id is null)
"""
# The open turn is decided anew; an answer that is being made counts no more.
LOOK_AGAIN = f"""
update turn set due_at = now(), reason = '{PUT_OFF}', {TURNS.void_claim(TURNS.is_running)}
where id = %(turn_id)s and finished_at is null
returning id, tenant_id
"""


class AppliedCommand(NamedTuple):
    """To publish and to hint after the commit."""

    rows: Sequence[OutboxRow]
    hints: Sequence[Hint]


class CommandApplier:
    """The consumer's handler. tenant_of(phone_number_id): the number's tenant now. hint: of the
    runner."""

    def __init__(
        self,
        tenant_of: Callable[[str], TenantConfig | None],
        database: Database,
        outbox: Outbox,
        hint: Callable[[Sequence[Hint]], None],
        clock: Clock,
    ) -> None:
        self._tenant_of = tenant_of
        self._database = database
        self._outbox = outbox
        self._hint = hint
        self._clock = clock

    def __call__(self, commands: Sequence[ConversationCommand]) -> None:
        for command in commands:
            applied = self._database.run_transaction(partial(self._apply, command))
            self._outbox.publish(applied.rows)
            self._hint(applied.hints)

    def _apply(self, command: ConversationCommand, connection: Connection) -> AppliedCommand:
        if command.what == "echo":
            create_conversation(connection, command)
        row = next(iter(connection.execute_together(read_statements(command))), None)
        if row is None:
            return AppliedCommand((), ())
        conversation = rows_as(CommandedConversation, [row])[0] if row.id is not None else None
        if conversation:  # its events go by its newest address
            command = command.model_copy(update={"contact_id": conversation.address})
        now = self._clock.now()
        result = decide_command(command, conversation, self._settings(command), now)
        log_refusal(command, result)
        drafts = [change_draft(changed_by(command), change, now) for change in result.changes]
        if conversation is None:
            return AppliedCommand(add(connection, drafts), ())
        ended = end_pending(connection, conversation, result)
        hints = run_effects(connection, command, conversation, result)
        drafts += [outcome_draft(command, message, now) for message in ended]
        if result.is_sent:
            drafts.insert(0, reply_draft(command, conversation, now))
        return AppliedCommand(add(connection, drafts), hints)

    def _settings(self, command: ConversationCommand) -> TenantSettings:
        """The router may know a new client before this process does."""
        tenant = self._tenant_of(command.phone_number_id)
        return tenant.settings if tenant else TenantSettings()


def create_conversation(connection: Connection, command: ConversationCommand) -> None:
    """The owner of a business may write first, from the phone."""
    if connection.execute_together([(IS_UNKNOWN, values_of(command))]).all():
        connection.execute_together(find_statements([contact_of(command)]))


def contact_of(command: ConversationCommand) -> ContactDetails:
    return ContactDetails(
        command.tenant_id, command.contact_id, command.phone_number_id, command.wa_id, None
    )


def read_statements(command: ConversationCommand) -> list[Statement]:
    statements = (REMEMBER, LOCK_CONVERSATION, LOCK_TURN, READ_CONVERSATION)
    return [(statement, values_of(command)) for statement in statements]


def values_of(command: ConversationCommand) -> dict[str, Any]:
    return command.model_dump(include={"tenant_id", "event_id", "contact_id", "wa_id"})


def end_pending(
    connection: Connection, conversation: CommandedConversation, result: CommandEffect
) -> Sequence[Any]:
    """The messages that a person has answered: wamid, trace_id."""
    if result.words is None:
        return ()
    values = {"id": conversation.id, "at": result.words_at, "turn_id": conversation.words_turn_id}
    return connection.exec_driver_sql(ANSWER_PENDING, values).all()


def run_effects(
    connection: Connection,
    command: ConversationCommand,
    conversation: CommandedConversation,
    result: CommandEffect,
) -> list[Hint]:
    """What became due."""
    statements = change_statements([(conversation.id, change) for change in result.changes])
    turn = {"turn_id": conversation.turn_id}
    if result.words is not None:
        statements += [(STORE_WORDS, words_values(command, conversation, result)), (END_TURN, turn)]
    if not result.looks_again:
        return []
    rows = connection.execute_together([*statements, (LOOK_AGAIN, turn)])
    return [Hint(row.id, row.tenant_id, 0) for row in rows]


def words_values(
    command: ConversationCommand, conversation: CommandedConversation, result: CommandEffect
) -> dict[str, Any]:
    return {
        "tenant_id": command.tenant_id,
        "id": conversation.id,
        "turn_id": conversation.words_turn_id,
        "body": body_of(result.words or ""),
        "wamid": command.wamid,
        "at": result.words_at,
        "trace_id": command.trace_id,
        "reply_id": reply_id_of(command),
    }


def changed_by(command: ConversationCommand) -> ChangedConversation:
    return ChangedConversation(
        command.tenant_id,
        command.phone_number_id,
        command.contact_id,
        command.trace_id,
        cause=command.event_id,
        command_id=command.event_id,
    )


def outcome_draft(command: ConversationCommand, message: Any, now: datetime) -> EventDraft:
    event = OutcomeRecorded.of(
        tenant_id=command.tenant_id,
        phone_number_id=command.phone_number_id,
        contact_id=command.contact_id,
        wamid=message.wamid,
        outcome="handed_over",
        reason="echo" if command.what == "echo" else "operator",
        trace_id=message.trace_id,
        occurred_at=now,
    )
    return draft(MESSAGES_OUTCOME, command.conversation, event)


def reply_draft(
    command: ConversationCommand, conversation: CommandedConversation, now: datetime
) -> EventDraft:
    """`answers` names the message that opened WhatsApp's window."""
    reply_id, media = reply_id_of(command), command.media
    event = ReplyReady(
        event_id=reply_id,
        trace_id=command.trace_id,
        tenant_id=command.tenant_id,
        occurred_at=now,
        phone_number_id=command.phone_number_id,
        contact_id=command.contact_id,
        wa_id=conversation.wa_id,
        reply_id=reply_id,
        kind="notice",
        what="person",
        text=(media.caption or description_of(media)) if media else command.text or "",
        media=media,
        answers=(conversation.last_wamid or "",),
        last_inbound_at=conversation.last_inbound_at or now,
    )
    return draft(REPLIES_OUTBOUND, command.conversation, event)


def reply_id_of(command: ConversationCommand) -> str:
    """Of what a person says; an echo has none that anything is sent by."""
    return event_id("say", command.event_id)


def log_refusal(command: ConversationCommand, result: CommandEffect) -> None:
    for change in result.changes:
        if change.what == "refused":
            log.warning(
                "conversation_command_refused",
                tenant_id=command.tenant_id,
                what=command.what,
                reason=change.reason,
                command_id=command.event_id,
            )
