"""What a webhook holds, as the router understood it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from common.events import (
    FlowReply,
    MediaFile,
    NewsLevel,
    Order,
    PreviousIds,
    Referral,
    SharedContact,
)
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
class News:
    """The fields of AccountNews; `lasts`: how long after its time it matters."""

    what: str
    level: NewsLevel = "info"
    detail: str | None = None
    subject: str | None = None
    phone_number_id: str | None = None
    phone_number: str | None = None
    code: int | None = None
    limit: str | None = None
    messages_per_second: int | None = None
    template: str | None = None
    template_language: str | None = None
    template_status: str | None = None
    until: datetime | None = None
    lasts: timedelta | None = None


@dataclass(frozen=True, slots=True)
class AccountChange:
    """News, of which account, and when; `digest` is of its JSON, as Meta gives it no id."""

    waba_id: str
    field: str
    digest: str
    news: News
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Counted and logged only: errors of a message, unknown statuses, fields of no messages."""

    kind: str
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message or status without the ids that are needed to act on it."""

    kind: str


WebhookItem = Message | Echo | Status | AccountChange | Ignored | Malformed
