"""Images and files in a request: checked like the API does, and what they say to the stand-in.

The stand-in can neither see nor hear. What it takes from a file is the text after MARKER, up to a
zero byte, a line's end or the end of the file (a comment's place in most formats), or a text file
as it is.
"""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from devkit.emulators.openai.refusals import Refused, listed, missing

MARKER = b"DEVKIT-TEXT="
MARKED = re.compile(re.escape(MARKER) + rb"([^\x00\r\n]+)")
DATA_URL = re.compile(r"data:([a-z0-9.+/-]+);base64,([A-Za-z0-9+/]*={0,2})", re.I)
IMAGES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/gif": re.compile(rb"GIF8[79]a"),
}
PLAIN = (".txt", ".csv", ".md", ".json")
# https://developers.openai.com/api/docs/guides/file-inputs
FILES = (".pdf", ".docx", ".pptx", ".xlsx", ".xls", ".doc", ".rtf", ".odt", ".html", *PLAIN)
LARGEST_FILE = 50 << 20
PLAIN_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class GivenFile:
    """name: None for an image."""

    name: str | None
    text: str


def check_image(param: str, part: dict[str, Any]) -> None:
    """An address (never fetched here), an uploaded file's id, or a data URL that holds what it
    says."""
    url = part.get("image_url")
    if url is None and part.get("file_id") is None:
        raise missing(f"{param}.image_url")
    if url is None or url.startswith(("https://", "http://")):
        return
    kind, content = data_of(url) or ("", b"")
    if kind not in IMAGES or not IMAGES[kind].match(content):
        raise Refused("image_url", f"{param}.image_url")


def check_file(param: str, part: dict[str, Any]) -> None:
    if part.get("file_data") is None:
        if part.get("file_id") is None and part.get("file_url") is None:
            raise missing(f"{param}.file_data")
        return
    if not part.get("filename"):
        raise missing(f"{param}.filename")
    if PurePath(part["filename"]).suffix.lower() not in FILES:
        raise Refused("file_kind", f"{param}.filename", supported=listed(FILES))
    _, content = data_of(part["file_data"]) or ("", b"")
    if not content:
        raise Refused("file_data", f"{param}.file_data")
    if len(content) > LARGEST_FILE:
        raise Refused("large_file", f"{param}.file_data", limit=LARGEST_FILE, size=len(content))


def data_of(url: str) -> tuple[str, bytes] | None:
    """MIME type and content of a data URL; None for anything else."""
    found = DATA_URL.fullmatch(url)
    try:
        return (found[1].lower(), b64decode(found[2], validate=True)) if found else None
    except binascii.Error:
        return None


def files_in(content: Any) -> list[GivenFile]:
    """Of one message's content."""
    parts = content if isinstance(content, list) else []
    return [file for part in parts if (file := given_file(part))]


def given_file(part: dict[str, Any]) -> GivenFile | None:
    match part:
        case {"type": "input_image"}:
            _, content = data_of(part.get("image_url") or "") or ("", b"")
            return GivenFile(None, marked_text(content))
        case {"type": "input_file"}:
            _, content = data_of(part.get("file_data") or "") or ("", b"")
            name = part.get("filename") or "?"
            return GivenFile(name, marked_text(content) or plain_text(name, content))
    return None


def marked_text(content: bytes) -> str:
    """ "" where nothing is marked."""
    found = MARKED.search(content)
    return found[1].decode(errors="replace").strip() if found else ""


def plain_text(name: str, content: bytes) -> str:
    if not name.lower().endswith(PLAIN):
        return ""
    return content.decode(errors="replace")[:PLAIN_CHARACTERS].strip()
