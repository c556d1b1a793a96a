"""Photos, videos, audio and documents: what the contact wrote beside the file, and its id."""

from typing import Any

from common.description import PHOTO, described, document_label
from common.events import MediaFile
from common.lenient_json import at, identifier_at, object_at, text_at
from router.message_text import joined
from router.webhook_items import MessageContent

LONGEST_CAPTION = 4_096  # characters; WhatsApp's limit is 1,024
LONGEST_FILENAME = 255
LABELS = {"image": PHOTO, "video": "video"}


def media_content(message: Any) -> MessageContent:
    """Also without an id: the contact has sent it, though nobody can fetch it."""
    kind = message["type"]
    file = object_at(message, kind)
    caption = (text_at(file, "caption", longest=LONGEST_CAPTION) or "").strip() or None
    text = joined(described(media_label(kind, file)), caption)
    return MessageContent("text", text, media=media_file(file), caption=caption)


def media_label(kind: str, file: Any) -> str:
    if kind == "audio":
        return "voice note" if at(file, "voice") is True else "audio file"
    if kind == "document":
        return document_label(text_at(file, "filename", longest=LONGEST_FILENAME))
    return LABELS[kind]


def media_file(file: Any) -> MediaFile | None:
    id = identifier_at(file, "id")
    if id is None:
        return None
    return MediaFile(
        id=id,
        mime_type=text_at(file, "mime_type"),
        sha256=text_at(file, "sha256"),
        filename=text_at(file, "filename", longest=LONGEST_FILENAME),
        voice=boolean_at(file, "voice"),
        animated=boolean_at(file, "animated"),
    )


def boolean_at(file: Any, name: str) -> bool | None:
    value = at(file, name)
    return value if isinstance(value, bool) else None
