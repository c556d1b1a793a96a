"""What a webhook holds, as the router understood it."""

from dataclasses import dataclass
from datetime import datetime

from common.events import FlowReply, MediaFile, Order, PreviousIds, Referral, SharedContact
from common.events.messages import MessageKind, StatusName


@dataclass(frozen=True, slots=True)
class Contact:
    """`id` is the BSUID, else the wa_id; the phone (`wa_id`, digits only) may be absent."""

    id: str
    wa_id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What an assistant can answer to; the fields after `text` are those of MessageReceived."""

    kind: MessageKind
    text: str
    choice_id: str | None = None
    media: MediaFile | None = None
    caption: str | None = None
    order: Order | None = None
    shared_contacts: tuple[SharedContact, ...] | None = None
    flow_reply: FlowReply | None = None
    referral: Referral | None = None
    forwarded: bool | None = None
    edits: str | None = None
    deletes: str | None = None
    previous_ids: PreviousIds | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`content` is None where no assistant answers; `kind` then is the reason to record."""

    wamid: str
    kind: str
    contact: Contact
    content: MessageContent | None = None
    reply_to: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Echo:
    """What a person of the business wrote in WhatsApp's own app; the contact received it."""

    wamid: str
    contact: Contact
    text: str
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`contact_id` is only for the order of records: a delivery is found by wamid or tag."""

    wamid: str
    status: StatusName
    contact_id: str
    status_at: datetime | None = None
    tag: str | None = None
    error_code: int | None = None
    error_title: str | None = None
    pricing_type: str | None = None
    pricing_category: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Counted and logged only: errors of the number, unknown statuses, fields of no messages."""

    kind: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message or status without the ids that are needed to act on it."""

    kind: str


WebhookItem = Message | Echo | Status | Ignored | Malformed
