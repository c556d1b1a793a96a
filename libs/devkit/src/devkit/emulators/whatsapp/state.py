"""The emulator's memory: who exists, what was said, and what the Graph API was asked."""

from dataclasses import dataclass, field
from typing import Any, Literal

from devkit.emulators.whatsapp.identities import Business, Contact

MessageStatus = Literal["accepted", "sent", "delivered", "read", "failed"]
PROGRESS: dict[str, int] = {"accepted": 0, "sent": 1, "delivered": 2, "read": 3, "failed": 4}


@dataclass(slots=True, eq=False)
class Conversation:
    """Times in seconds since 1970."""

    business: Business
    contact: Contact
    messages: list["Message"] = field(default_factory=list, repr=False)
    last_inbound_at: float | None = None
    typing_until: float = 0.0


@dataclass(slots=True, eq=False)
class Message:
    """`outgoing`: from the business. `content` is the object named after `kind` in the payload.

    For a contact's message `sent` means at Meta, `delivered` that the webhook answered 200, `read`
    that the business marked it. `echo`: written on the business's own phone.
    """

    conversation: Conversation
    wamid: str
    outgoing: bool
    kind: str
    content: Any
    at: float
    quoted: str | None = None
    tag: str | None = None
    by_phone: bool = True
    echo: bool = False
    edited: bool = False
    deleted: bool = False
    status: MessageStatus = "accepted"
    error: tuple[int, str] | None = None
    reactions: dict[bool, str] = field(default_factory=dict)

    def advance(self, status: MessageStatus) -> bool:
        """Ticks never go back. True if this is news."""
        news = PROGRESS[status] > PROGRESS[self.status]
        if news:
            self.status = status
        return news


@dataclass(frozen=True, slots=True)
class GraphCall:
    """One POST to /messages: taken, a mark (read, typing) or refused with `code`."""

    at: float
    phone_number_id: str
    token: str
    raw: bytes
    wamid: str | None = None
    code: int | None = None


class State:
    def __init__(self, businesses: tuple[Business, ...], contacts: tuple[Contact, ...]) -> None:
        self.businesses: dict[str, Business] = {}
        self.contacts: dict[str, Contact] = {}
        self._contacts_by_id: dict[str, Contact] = {}
        self.clear()
        for business in businesses:
            self.put_business(business)
        for contact in contacts:
            self.put_contact(contact)

    def clear(self) -> None:
        """Forget what was said and asked; the people and numbers stay."""
        self.conversations: dict[tuple[str, str], Conversation] = {}
        self.messages: dict[str, Message] = {}
        self.accepted: list[GraphCall] = []
        self.marks: list[GraphCall] = []
        self.refused: list[GraphCall] = []

    def put_business(self, business: Business) -> None:
        self.businesses[business.phone_number_id] = business
        for conversation in self.conversations.values():
            if conversation.business.phone_number_id == business.phone_number_id:
                conversation.business = business

    def put_contact(self, contact: Contact) -> None:
        self.contacts[contact.user_id] = contact
        self._contacts_by_id[contact.user_id] = self._contacts_by_id[contact.wa_id] = contact
        for conversation in self.conversations.values():
            if conversation.contact.user_id == contact.user_id:
                conversation.contact = contact

    def contact(self, wa_id_or_user_id: str) -> Contact | None:
        return self._contacts_by_id.get(wa_id_or_user_id)

    def conversation(self, business: Business, contact: Contact) -> Conversation:
        key = (business.phone_number_id, contact.user_id)
        conversation = self.conversations.get(key)
        if conversation is None:
            conversation = self.conversations[key] = Conversation(business, contact)
        return conversation

    def add(self, message: Message) -> None:
        self.messages[message.wamid] = message
        message.conversation.messages.append(message)
