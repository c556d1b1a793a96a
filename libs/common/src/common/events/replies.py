"""What an assistant says, and what became of it on WhatsApp."""

from typing import Literal

from pydantic import AwareDatetime, Field

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
    text: str = Field(min_length=1, description="Markdown as the model wrote it")
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
    delivery_class: DeliveryClass = Field(
        default="reply",
        description="What is done when the answer to a send is lost and no status tells: one more"
        " copy if nothing newer waits, none, or up to three",
    )


class DeliveryChanged(ConversationEvent):
    """A new state of one Graph API message (one part of a reply)."""

    delivery_id: str
    reply_id: str
    part: int = Field(ge=1)
    parts: int = Field(ge=1)
    state: DeliveryState
    state_at: AwareDatetime
    wamid: str | None = None
    error_code: int | None = None
    error_title: str | None = None
