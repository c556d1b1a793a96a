"""What an assistant says, and what became of it on WhatsApp."""

from typing import Literal

from pydantic import AwareDatetime, Field

from common.events.attachments import OutgoingMedia
from common.events.choices import Choices
from common.events.messages import ConversationEvent

ReplyKind = Literal["answer", "fallback", "notice"]
DeliveryClass = Literal["reply", "at_most_once", "at_least_once"]
DeliveryState = Literal[
    "accepted", "rejected", "unknown", "suppressed", "sent", "delivered", "read", "played", "failed"
]


class ReplyReady(ConversationEvent):
    """One turn's answer, stored by the assistant before it leaves. reply_id is the turn's."""

    reply_id: str
    kind: ReplyKind
    text: str = Field(min_length=1, description="What the contact gets to read")
    markdown: tuple[int, int] | None = Field(
        default=None,
        description="The piece of `text` that the model wrote, as Markdown: where it begins and"
        " ends, in code points from 0. The rest is sent as it is. Absent: the whole text of an"
        " answer, nothing of another kind",
    )
    answers: tuple[str, ...] = Field(min_length=1, description="wamids that this reply answers")
    failure: str | None = Field(
        default=None,
        description="Why it is no answer of the model, as which the messages end: failed, or what"
        " begins with `suppressed:` or `handed_over:`",
    )
    expires_at: AwareDatetime | None = Field(
        default=None, description="From then on it would be an answer to an old question"
    )
    wa_id: str | None = Field(default=None, description="Phone, digits only; may be absent")
    last_inbound_at: AwareDatetime = Field(description="Start of WhatsApp's 24 h window")
    what: str | None = Field(
        default=None,
        description="An open set. person: a person of the business wrote it, as plain text;"
        " `kind` is notice, and the outcomes of `answers` are recorded elsewhere",
    )
    choices: Choices | None = Field(
        default=None, description="To be tapped; `text` says the same in words"
    )
    media: OutgoingMedia | None = Field(
        default=None, description="The file that is sent; `text` is its caption or describes it"
    )
    quotes: str | None = Field(
        default=None, description="wamid of the contact's message that it quotes"
    )
    delivery_class: DeliveryClass = Field(
        default="reply",
        description="What is done when the answer to a send is lost and no status tells: one more"
        " copy if nothing newer waits, none, or up to three",
    )


class DeliveryChanged(ConversationEvent):
    """A new state of one Graph API message (one part of a reply), or its price, when that was told
    later than its state."""

    delivery_id: str
    reply_id: str
    part: int = Field(ge=1)
    parts: int = Field(ge=1)
    state: DeliveryState
    state_at: AwareDatetime
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None
    reason: str | None = Field(
        default=None, description="Why it is given up, as in the outcome: window_closed, stale..."
    )
    template: str | None = Field(
        default=None, description="Name of the template as which it was sent, not as its text"
    )
    template_takes_text: bool | None = Field(
        default=None, description="Whether the template has the text in it; null without one"
    )
    pricing_type: str | None = Field(
        default=None, description="Meta's: regular (billable), free_customer_service..."
    )
    pricing_category: str | None = Field(default=None, description="Meta's: service, utility...")


class TurnProgress(ConversationEvent):
    """What a turn does about its messages, at best effort, for their read mark and "typing…"."""

    state: str = Field(
        description="An open set. answering: the model is asked; still_answering: every 20 s from"
        " then on; recorded: they get no answer on purpose"
    )
    wamid: str = Field(description="Of the newest message")
    messages: int = Field(ge=1, description="How many the turn answers")
    since: AwareDatetime = Field(description="When the model was asked first")
    until: AwareDatetime = Field(description="From then on it is old: it marks nothing any more")
