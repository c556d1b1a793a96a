"""What a contact can write, as the control API and the chat page say it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.emulator import new_wamid
from devkit.emulators.whatsapp.identities import Contact
from devkit.emulators.whatsapp.media_store import StoredFile

Media = Literal["image", "audio", "video", "document", "sticker"]
Change = Literal["reaction", "edit", "revoke"]
Kind = Literal["text", "button", "list", "location", "contacts", "unsupported"] | Change | Media


class Inbound(BaseModel):
    """`contact` is a wa_id or BSUID; `id` and `title` are the pressed button's or list row's.

    `quoted` is the wamid that is answered, reacted to, edited or deleted (`revoke`); `text` also a
    caption or an emoji. Of media `id` is that of `/control/media`; `voice`: recorded in the chat,
    no audio file. `name` and `phone` are those of a shared contact.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_number_id: str = Field(min_length=1)
    contact: str = Field(min_length=1)
    kind: Kind = "text"
    text: str = ""
    id: str = ""
    title: str = ""
    description: str | None = None
    latitude: float = Field(default=40.4168, ge=-90, le=90)
    longitude: float = Field(default=-3.7038, ge=-180, le=180)
    name: str | None = None
    address: str | None = None
    phone: str = ""
    quoted: str | None = None
    voice: bool = True
    wamid: str | None = Field(default=None, description="Absent: a new one")
    at: float | None = Field(default=None, description="Seconds since 1970; absent: now")


def message_of(
    written: Inbound, contact: Contact, now: float, file: StoredFile | None = None
) -> dict[str, Any]:
    """The element of messages[]. file: the one that is sent, if it is known."""
    place = (contact, written.wamid or new_wamid(), now if written.at is None else written.at)
    match written.kind:
        case "text":
            return payloads.text(*place, written.text, written.quoted)
        case "button":
            return payloads.button_reply(*place, written.id, written.title, written.quoted)
        case "list":
            row = (written.id, written.title, written.description)
            return payloads.list_reply(*place, *row, written.quoted)
        case "location":
            named = (written.name, written.address)
            located = payloads.location(*place, written.latitude, written.longitude, *named)
            return quoting(located, written.quoted)
        case "contacts":
            card = payloads.contacts(*place, written.name or "", written.phone)
            return quoting(card, written.quoted)
        case "reaction" | "edit" | "revoke":
            return changing(written, *place)
        case "unsupported":
            return payloads.unsupported(*place)
        case kind:
            extra = file.in_webhook(kind) if file else {}
            extra |= {"caption": written.text} if written.text else {}
            extra |= {"voice": written.voice} if kind == "audio" else {}
            media = payloads.media(*place, kind, written.id or new_wamid(), **extra)
            return quoting(media, written.quoted)


def changing(written: Inbound, contact: Contact, wamid: str, at: float) -> dict[str, Any]:
    """A message that changes an earlier one."""
    target = written.quoted or ""
    if written.kind == "reaction":
        return payloads.reaction(contact, wamid, at, target, written.text)
    if written.kind == "edit":
        return payloads.edit(contact, wamid, at, target, written.text)
    return payloads.revoke(contact, wamid, at, target)


def quoting(message: dict[str, Any], quoted: str | None) -> dict[str, Any]:
    return message | {"context": {"id": quoted}} if quoted else message


class Echo(BaseModel):
    """The business writes to `contact` (a wa_id or BSUID) on its own phone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    phone_number_id: str = Field(min_length=1)
    contact: str = Field(min_length=1)
    text: str = Field(min_length=1)
    wamid: str | None = Field(default=None, description="Absent: a new one")
