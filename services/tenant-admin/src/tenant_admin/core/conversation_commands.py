"""What people of the business want of conversations. The assistant does it; here only the audit
line is kept."""

from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from common.events import ConversationCommand, event_id
from common.outbox_rows import draft
from common.topics import CONVERSATIONS_COMMANDS
from tenant_admin.core.changes import Change, ChangeContext, record_change
from tenant_admin.core.clients import load_client
from tenant_admin.core.uploaded_files import UploadedFile

OperatorCommand = Literal["take_over", "resume", "say", "opt_out", "opt_in"]


class CommandAccepted(BaseModel):
    """The command is on its way. What became of it is an event of `conversations.events` with this
    `command_id`, under the key `conversation`."""

    model_config = ConfigDict(frozen=True)

    command_id: str
    what: OperatorCommand
    conversation: str


def send_command(
    connection: Connection,
    context: ChangeContext,
    client_id: int,
    contact: str,
    what: OperatorCommand,
    text: str | None = None,
    minutes: int | None = None,
    file: UploadedFile | None = None,
) -> Change[CommandAccepted]:
    """The same command of the same request is done once."""
    client = load_client(connection, client_id).client
    facts = [client_id, contact, what, text, minutes]
    if file:
        facts += [file.hash, file.media.caption]
    command = ConversationCommand(
        event_id=event_id("command", context.request_id, *facts),
        trace_id=context.trace_id,
        tenant_id=client_id,
        occurred_at=context.now,
        phone_number_id=client.phone_number_id,
        contact_id=contact,
        what=what,
        by=context.actor,
        text=text,
        media=file.media if file else None,
        minutes=minutes,
    )
    accepted = CommandAccepted(
        command_id=command.event_id, what=what, conversation=command.conversation
    )
    rows = record_change(
        connection,
        context,
        f"conversation.{what}",
        f"client:{client_id}",
        after=command.model_dump(mode="json", exclude={"trace_id", "occurred_at"}),
        drafts=[draft(CONVERSATIONS_COMMANDS, command.conversation, command)],
    )
    return Change(accepted, rows)
