"""Messages and statuses as the router understood them, and the one recorded end of a message."""

from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime, Field

from common.events.attachments import (
    FlowReply,
    MediaFile,
    Order,
    PreviousIds,
    Referral,
    SharedContact,
)
from common.events.event import Event, conversation_key, event_id

MessageKind = Literal["text", "button", "list", "location"]
StatusName = Literal["sent", "delivered", "read", "played", "failed"]
OutcomeName = Literal["answered", "handed_over", "suppressed", "recorded", "failed"]


class ConversationEvent(Event):
    """An event of one contact's conversation with one client."""

    phone_number_id: str = Field(min_length=1)
    contact_id: str = Field(min_length=1, description="BSUID, else wa_id")

    @property
    def conversation(self) -> str:
        return conversation_key(self.phone_number_id, self.contact_id)


class MessageReceived(ConversationEvent):
    """One message a contact wrote that an assistant can answer, or a change of what it knows.

    What has no kind of its own (a photo, an order) is of kind text: `what` names it. A change has
    one of `edits`, `deletes` and `previous_ids`.
    """

    wamid: str = Field(min_length=1)
    kind: MessageKind
    text: str = Field(description="What the assistant reads; what is not text is put into words")
    choice_id: str | None = Field(default=None, description="Id of the pressed button or list row")
    reply_to: str | None = Field(default=None, description="wamid that the contact quoted")
    wa_id: str | None = Field(default=None, description="Phone, digits only; may be absent")
    contact_name: str | None = None
    sent_at: AwareDatetime = Field(description="WhatsApp's timestamp, whole seconds")
    received_at: AwareDatetime = Field(description="When ingress had it")
    what: str | None = Field(default=None, description="WhatsApp's type, an open set: image...")
    media: MediaFile | None = None
    caption: str | None = Field(default=None, description="Written under the media")
    order: Order | None = None
    shared_contacts: tuple[SharedContact, ...] | None = None
    flow_reply: FlowReply | None = None
    referral: Referral | None = None
    forwarded: bool | None = None
    edits: str | None = Field(default=None, description="wamid whose content this replaces")
    deletes: str | None = Field(default=None, description="wamid that the contact took back")
    previous_ids: PreviousIds | None = None

    @property
    def is_change(self) -> bool:
        return bool(self.edits or self.deletes or self.previous_ids)


class StatusReceived(ConversationEvent):
    """One status webhook of a message that we sent (or another app on the number)."""

    wamid: str = Field(min_length=1)
    status: StatusName
    status_at: AwareDatetime
    tag: str | None = Field(default=None, description="biz_opaque_callback_data, echoed")
    error_code: int | None = None
    error_title: str | None = None
    pricing_type: str | None = None
    pricing_category: str | None = None


class OutcomeRecorded(ConversationEvent):
    """The end of an inbound message. Its event_id depends on the message alone, but that of a
    correction on what was learned later: then the last correction is the end."""

    wamid: str = Field(min_length=1)
    outcome: OutcomeName
    reason: str | None = Field(default=None, description="For example inactive, opted_out, 131047")
    reply_id: str | None = None
    corrects: str | None = Field(
        default=None,
        description="event_id of the message's first outcome, which WhatsApp has disproved: a reply"
        " failed after it was accepted, or arrived though it seemed lost",
    )

    @classmethod
    def of(
        cls,
        *,
        tenant_id: int,
        phone_number_id: str,
        contact_id: str,
        wamid: str,
        outcome: OutcomeName,
        reason: str | None,
        reply_id: str | None = None,
        trace_id: str,
        occurred_at: datetime,
        corrected_by: str | None = None,
    ) -> Self:
        """The only place that knows the id's recipe: outcomes of all services meet in it.

        corrected_by: the fact that makes it a correction.
        """
        first = event_id(tenant_id, wamid, "outcome")
        return cls(
            event_id=event_id(first, corrected_by) if corrected_by else first,
            trace_id=trace_id,
            tenant_id=tenant_id,
            occurred_at=occurred_at,
            phone_number_id=phone_number_id,
            contact_id=contact_id,
            wamid=wamid,
            outcome=outcome,
            reason=reason,
            reply_id=reply_id,
            corrects=first if corrected_by else None,
        )
