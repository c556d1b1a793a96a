"""Meta's side as one object: numbers, people, what they write and what the Graph API accepts."""

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.changes import ChangeLog
from devkit.emulators.whatsapp.config import WhatsAppConfig
from devkit.emulators.whatsapp.errors import GraphError, no_such_object
from devkit.emulators.whatsapp.faults import Action, Faults
from devkit.emulators.whatsapp.identities import Business, Contact, dialled
from devkit.emulators.whatsapp.limits import Limits
from devkit.emulators.whatsapp.media_store import MediaStore
from devkit.emulators.whatsapp.media_types import KINDS, check_sent
from devkit.emulators.whatsapp.message_changes import change, changed_by
from devkit.emulators.whatsapp.message_templates import MessageTemplates
from devkit.emulators.whatsapp.state import Conversation, GraphCall, Message, State
from devkit.emulators.whatsapp.statuses import Statuses
from devkit.emulators.whatsapp.webhooks import Webhooks

WINDOW = 24 * 3600.0
TYPING = 25.0  # seconds that WhatsApp shows it, unless a message comes first
Json = dict[str, Any]


class Emulator:
    def __init__(self, config: WhatsAppConfig, webhooks: Webhooks) -> None:
        self.config, self.webhooks = config, webhooks
        self.knobs = config.knobs
        self.state = State(config.businesses, config.contacts)
        self.limits, self.faults, self.media = Limits(), Faults(), MediaStore()
        self.templates = MessageTemplates()
        self.changes = ChangeLog(start=int(config.clock() * 1000))
        self.statuses = Statuses(self.knobs, self.clock, webhooks.send, self._changed)

    def clock(self) -> float:
        """Seconds since 1970, moved as the knob says."""
        return self.config.clock() + self.knobs.clock_ahead

    async def reset(self) -> None:
        """Forget conversations, logs, limits, faults, files, templates and what is undelivered."""
        self.statuses.clear()
        await self.webhooks.cancel()
        self.webhooks.counts.clear()
        self.state.clear()
        self.limits, self.faults, self.media = Limits(), Faults(), MediaStore()
        self.templates = MessageTemplates()

    # What the contact's side does

    def write(self, business: Business, contact: Contact, message: Json) -> asyncio.Task[bool]:
        """A contact writes `message` (an element of messages[]); the task ends once delivered."""
        conversation = self.state.conversation(business, contact)
        conversation.last_inbound_at = self.clock()
        self.limits.count(business.phone_number_id, self.clock())
        self.media.send(media_id_of(message), business.phone_number_id)
        seen = received(conversation, message)
        self._show(seen)
        delivery = self.webhooks.send(payloads.inbound(business, contact, message))
        delivery.add_done_callback(lambda task: self._delivered(seen, task))
        return delivery

    def write_on_phone(self, business: Business, contact: Contact, wamid: str, text: str) -> None:
        """The business writes in its own app; its webhook is an echo."""
        now, conversation = self.clock(), self.state.conversation(business, contact)
        self._show(echoed(conversation, wamid, text, now))
        self.webhooks.send(payloads.echo(business, contact, wamid, now, text))

    def known_business(self, phone_number_id: str) -> Business:
        """The business of this number; one that is not known is added under its number."""
        business = self.state.businesses.get(phone_number_id)
        if business is None:
            business = Business(phone_number_id, "+34900000000", phone_number_id)
            self.add_business(business)
        return business

    def add_business(self, business: Business) -> None:
        self.state.put_business(business)
        self.changes.publish(business)

    def known_contact(self, wa_id_or_user_id: str) -> Contact:
        """The person with this id; one that is not known is added, with or without a phone."""
        contact = self.state.contact(wa_id_or_user_id)
        if contact is None:
            contact = stranger(wa_id_or_user_id)
            self.state.put_contact(contact)
        return contact

    # What the business's side does, through the Graph API

    def authorised(self, phone_number_id: str, token: str) -> Business:
        """Raises GraphError: no such number, or the token is not valid for it."""
        business = self.state.businesses.get(phone_number_id)
        if business is None:
            if self.knobs.strict:
                raise no_such_object(phone_number_id)
            business = self.known_business(phone_number_id)
        if token != self.token_of(phone_number_id):
            raise GraphError(190, "Error validating access token: it is not valid for this number.")
        return business

    def token_of(self, phone_number_id: str) -> str | None:
        """The one that is valid for this number; None for a number that is not known."""
        business = self.state.businesses.get(phone_number_id)
        return (business.token or self.config.access_token) if business else None

    def is_token(self, token: str) -> bool:
        """Whether it is valid for any number."""
        own = {business.token for business in self.state.businesses.values()}
        return token in own | {self.config.access_token}

    def recipient(self, business: Business, body: Json) -> Contact:
        """Raises GraphError: nobody has this phone or BSUID, or it is the business itself."""
        wa_id = dialled(body["to"], business) if body.get("to") else ""
        if wa_id == business.digits:
            raise GraphError(131021, "Recipient phone number cannot be the sender's.")
        contact = self.state.contact(wa_id or body["recipient"])
        if contact is None:
            if self.knobs.strict:
                raise GraphError(131026, "The recipient is not a WhatsApp user.")
            contact = self.known_contact(wa_id or body["recipient"])
        return contact

    def checked_template(self, content: Json) -> Json:
        """With the `text` that the contact reads. Raises GraphError; what is not known has none
        where nothing is strict."""
        return content | {"text": self.templates.text_of(content)} if self.knobs.strict else content

    def check_file(self, business: Business, body: Json) -> None:
        """Raises GraphError: the message's file is not there, of another number or kind."""
        kind = body.get("type", "text")
        if not self.knobs.strict or kind not in KINDS or "id" not in body[kind]:
            return
        file = self.media.get(str(body[kind]["id"]))
        owned = file if file and business.phone_number_id in file.numbers else None
        check_sent(kind, body[kind], owned)

    def allow(self, conversation: Conversation, template: bool) -> None:
        """Raises GraphError: outside the 24 h window, or over a limit."""
        now, last = self.clock(), conversation.last_inbound_at
        if self.knobs.strict and not template and (last is None or now - last > WINDOW):
            raise GraphError(131047, "More than 24 hours since the recipient last replied.")
        if self.knobs.limits:
            pair = conversation.business.phone_number_id, conversation.contact.user_id
            self.limits.check(*pair, now)

    def accept(self, conversation: Conversation, body: Json, call: GraphCall) -> Message:
        """Take a checked message: it is logged, shown, and its typing indicator ends."""
        kind = body.get("type", "text")
        message = Message(
            conversation,
            call.wamid or new_wamid(),
            outgoing=True,
            kind=kind,
            content=body[kind],
            at=call.at,
            quoted=body["context"]["message_id"] if "context" in body else None,
            tag=body.get("biz_opaque_callback_data"),
            by_phone=bool(body.get("to")),
        )
        self.state.accepted.append(call)
        conversation.typing_until = 0.0
        self._show(message)
        return message

    def mark(self, business: Business, body: Json, call: GraphCall) -> None:
        """Read (this message and all before it) and, if asked for, typing. Raises GraphError."""
        target = self.state.messages.get(body.get("message_id") or "")
        if target is None or target.outgoing or target.conversation.business != business:
            if self.knobs.strict:
                raise GraphError(131009, "Parameter message_id is not a message of this number")
        else:
            self._read_up_to(target)
            if body.get("typing_indicator"):
                target.conversation.typing_until = self.clock() + TYPING
                self.changes.publish(target.conversation)
        self.state.marks.append(call)

    def report(self, message: Message, fault: Action | None) -> None:
        self.statuses.schedule(message, fault)

    def _read_up_to(self, target: Message) -> None:
        for message in target.conversation.messages:
            if not message.outgoing and message.advance("read"):
                self._changed(message)
            if message is target:
                return

    def _show(self, message: Message) -> None:
        """A reaction, an edit, a deletion show on the message they are about."""
        changed_id = changed_by(message)
        if changed_id is None:
            self.state.add(message)
            self._changed(message)
            return
        self.state.messages[message.wamid] = message
        target = self.state.messages.get(changed_id)
        if target is not None:
            change(target, message)
            self._changed(target)

    def _delivered(self, message: Message, delivery: asyncio.Task[bool]) -> None:
        if not delivery.cancelled() and delivery.result() and message.advance("delivered"):
            self._changed(message)

    def _changed(self, message: Message) -> None:
        if changed_by(message) is None:
            self.changes.publish(message)


def media_id_of(message: Json) -> str:
    """ "" for a message without a file."""
    content = message[message["type"]]
    return str(content.get("id", "")) if isinstance(content, dict) else ""


def received(conversation: Conversation, message: Json) -> Message:
    kind = message["type"]
    return Message(
        conversation,
        message["id"],
        outgoing=False,
        kind=kind,
        content=message[kind],
        at=float(message["timestamp"]),
        quoted=message.get("context", {}).get("id"),
        status="sent",
    )


def echoed(conversation: Conversation, wamid: str, text: str, at: float) -> Message:
    content = {"body": text}
    return Message(conversation, wamid, True, "text", content, at, status="delivered", echo=True)


def stranger(wa_id_or_user_id: str) -> Contact:
    if wa_id_or_user_id.isdecimal():
        return Contact(wa_id_or_user_id, wa_id_or_user_id, f"ES.{wa_id_or_user_id}")
    hidden = "999" + "".join(filter(str.isdecimal, wa_id_or_user_id))
    return Contact(wa_id_or_user_id, hidden, wa_id_or_user_id, phone_visible=False)


def new_wamid(entropy: Callable[[int], bytes] = os.urandom) -> str:
    return "wamid.HBgL" + b64encode(entropy(24)).decode()
