"""A message on one line of plain text: for the list of chats, for quotes. Pure."""

from collections.abc import Mapping

from devkit.emulators.whatsapp.markup import plain
from devkit.emulators.whatsapp.state import Message

SYMBOLS = {
    "image": "📷",
    "video": "🎥",
    "audio": "🎵",
    "voice": "🎤",
    "document": "📄",
    "location": "📍",
    "contacts": "👤",
}


def preview(message: Message, texts: Mapping[str, str]) -> str:
    content = message.content
    if message.deleted:
        return f"🚫 {texts['deleted' if message.outgoing else 'deleted_by_you']}"
    match message.kind:
        case "text":
            return plain(str(content["body"]))
        case "interactive" if message.outgoing:
            return plain(str(content["body"]["text"]))
        case "interactive":
            return str(content.get("button_reply", content.get("list_reply", {})).get("title", ""))
        case "template" if content.get("text"):
            return plain(str(content["text"]))
        case "location":
            return f"📍 {content.get('name') or texts['place']}"
        case "contacts":
            return f"👤 {contact_name(message) or texts['contact']}"
        case kind:
            return media_in_words(message, kind, texts)


def media_in_words(message: Message, kind: str, texts: Mapping[str, str]) -> str:
    """With the caption or the file's name, if there is one."""
    content = message.content if isinstance(message.content, dict) else {}
    kind = "voice" if kind == "audio" and content.get("voice") else kind
    label = texts.get(kind, texts["unsupported"])
    own = content.get("caption") or content.get("filename") or label
    return f"{SYMBOLS.get(kind, '')} {plain(str(own))}".strip()


def contact_name(message: Message) -> str:
    return str(message.content[0]["name"]["formatted_name"])
