"""Which files WhatsApp takes from a business, and as what they may be sent. Pure.

Types and sizes: developers.facebook.com/documentation/business-messaging/whatsapp, media. Every
check raises GraphError with the code that Meta uses.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from devkit.emulators.whatsapp.errors import GraphError
from devkit.emulators.whatsapp.media_store import StoredFile

MB = 1 << 20
OFFICE = "application/vnd.openxmlformats-officedocument."


class MediaKind(NamedTuple):
    """largest: bytes. shows: what a message of this kind may hold besides its file."""

    types: frozenset[str]
    largest: int
    shows: frozenset[str] = frozenset()


CAPTION = frozenset({"caption"})
DOCUMENTS = {"application/pdf", "text/plain", "application/msword", "application/vnd.ms-excel"}
DOCUMENTS |= {"application/vnd.ms-powerpoint", f"{OFFICE}wordprocessingml.document"}
DOCUMENTS |= {f"{OFFICE}spreadsheetml.sheet", f"{OFFICE}presentationml.presentation"}
AUDIO = ("aac", "amr", "mpeg", "mp4", "ogg", "opus")
KINDS: Mapping[str, MediaKind] = {
    "image": MediaKind(frozenset({"image/jpeg", "image/png"}), 5 * MB, CAPTION),
    "sticker": MediaKind(frozenset({"image/webp"}), 500 << 10),
    "audio": MediaKind(frozenset(f"audio/{name}" for name in AUDIO), 16 * MB, frozenset({"voice"})),
    "video": MediaKind(frozenset({"video/mp4", "video/3gpp"}), 16 * MB, CAPTION),
    "document": MediaKind(frozenset(DOCUMENTS), 100 * MB, CAPTION | {"filename"}),
}


def check_upload(named_type: object, mime_type: str, size: int) -> None:
    """named_type: the parameter `type`; mime_type: of the file itself."""
    if not named_type:
        raise GraphError(100, "The parameter type is required.")
    kind = next((kind for kind in KINDS.values() if mime_type in kind.types), None)
    if kind is None or named_type != mime_type:
        types = ", ".join(sorted(name for each in KINDS.values() for name in each.types))
        raise GraphError(
            100,
            f"Param file must be a file with one of the following types: {types}."
            f" Received file of type '{mime_type}'.",
        )
    if not 0 < size <= kind.largest:
        raise GraphError(131053, f"A file of this type has 1 to {kind.largest} bytes")


def check_sent(name: str, content: Mapping[str, Any], file: StoredFile | None) -> None:
    """name: the type of the message. file: the one of its id that the number may send."""
    kind = KINDS[name]
    unexpected = content.keys() - kind.shows - {"id"}
    if unexpected:
        raise GraphError(100, f'Unexpected key "{min(unexpected)}" on param "{name}".')
    if file is None:
        what = "is not a valid whatsapp business account media attachment ID"
        raise GraphError(100, f"Param {name}['id'] {what}")
    if file.mime_type not in kind.types:
        raise GraphError(131053, f"A file of type {file.mime_type} is no {name}")
