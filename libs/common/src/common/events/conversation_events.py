"""What changes a conversation, asked for by people of the business, and what has changed."""

from typing import Literal

from pydantic import AwareDatetime, Field

from common.events.attachments import OutgoingMedia
from common.events.messages import ConversationEvent

CommandName = Literal["take_over", "resume", "say", "opt_out", "opt_in", "echo"]


class ConversationCommand(ConversationEvent):
    """What a person of the business wants of a conversation, or has written in it.

    echo: they wrote in WhatsApp's own app, and WhatsApp has told us. The others come from the API.
    """

    what: CommandName
    by: str = Field(description="Who: key:crm of an API key, cli:ana; echo")
    text: str | None = Field(default=None, description="Of say and echo: what the person wrote")
    media: OutgoingMedia | None = Field(
        default=None, description="Of say: the file that is sent; then `text` is absent"
    )
    minutes: int | None = Field(
        default=None, ge=0, description="Of take_over; 0: until resumed; absent: the client's own"
    )
    wamid: str | None = Field(default=None, description="Of echo: the message's id")
    wa_id: str | None = Field(default=None, description="Of echo: phone, digits only")
    sent_at: AwareDatetime | None = Field(default=None, description="Of echo: WhatsApp's timestamp")


class ConversationChanged(ConversationEvent):
    """A conversation is in another state than before, or a command for it was refused."""

    what: str = Field(description="An open set: handed_over, resumed, opted_out, opted_in, refused")
    by: str = Field(description="An open set: contact, tool, operator, echo, timeout, system")
    until: AwareDatetime | None = Field(
        default=None, description="Of handed_over: its end; absent: until it is resumed"
    )
    reason: str | None = Field(default=None, description="Of refused: opted_out, window_closed...")
    command_id: str | None = Field(default=None, description="event_id of the command, if any")
