"""The files of messages: which are opened, and how many of them at once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from common.events import MessageReceived

# Bytes of a file that is opened, by WhatsApp's type. Of a video only the description is read.
LARGEST = {"audio": 16 << 20, "image": 5 << 20, "document": 10 << 20}
FILES_OF_A_TURN, BYTES_OF_A_TURN = 5, 20 << 20  # images and documents; the newest count
RECORDINGS_OF_A_TURN = 10


@dataclass(frozen=True, slots=True)
class MessageMedia:
    """A file at WhatsApp. what: a key of LARGEST. mime_type, filename: as the contact's phone
    says."""

    id: str
    what: str
    mime_type: str | None = None
    filename: str | None = None

    @property
    def at_most(self) -> int:
        """Bytes."""
        return LARGEST[self.what]


@dataclass(frozen=True, slots=True)
class Unopened:
    """Why a file is not opened. reason: for logs. told: what the model reads."""

    reason: str
    told: str = "could not be opened"


TOO_MANY = Unopened("too_many", "not opened: too many files at once")
TOO_LARGE = Unopened("too_large", "not opened: too large")
UNKNOWN_TYPE = Unopened("unknown_type", "not opened: this kind of file cannot be read here")


def media_column(event: MessageReceived) -> str | None:
    """The JSON that is stored with a message; None where nothing can be opened."""
    if event.media is None or event.what not in LARGEST:
        return None
    kept = {"id": event.media.id, "what": event.what}
    told = {"mime_type": event.media.mime_type, "filename": event.media.filename}
    return orjson.dumps(kept | {name: value for name, value in told.items() if value}).decode()


def message_media(column: Mapping[str, Any] | None) -> MessageMedia | None:
    return MessageMedia(**column) if column else None


def newest_that_fit(sizes: Mapping[int, int]) -> dict[int, int]:
    """Of files by message id, with their bytes: those that one request takes."""
    kept: dict[int, int] = {}
    for id in sorted(sizes, reverse=True)[:FILES_OF_A_TURN]:
        if sum(kept.values()) + sizes[id] <= BYTES_OF_A_TURN:
            kept[id] = sizes[id]
    return kept
