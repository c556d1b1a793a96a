"""What a person may send as a file: told by its bytes, never by its name. Pure.

Types and sizes: developers.facebook.com/documentation/business-messaging/whatsapp, media. Meta
takes documents of 100 MB; ours are smaller, as they are held in memory.
"""

import re
from typing import NamedTuple, NoReturn

from tenant_admin.core.problems import refuse

MIB = 1 << 20
LARGEST_IMAGE, LARGEST_DOCUMENT = 5 * MIB, 16 * MIB
LONGEST_STEM = 100  # characters
OPEN_XML = "application/vnd.openxmlformats-officedocument."
JPEG, PNG = re.compile(rb"\xff\xd8\xff"), re.compile(rb"\x89PNG\r\n\x1a\n")
PDF = re.compile(rb".{0,1024}%PDF-", re.DOTALL)
# The first file of the zip in a folder of Office; what is embedded in a document comes behind it.
ZIPPED = re.compile(rb"PK\x03\x04.{26}(word|xl|ppt)/", re.DOTALL)
ZIPPED_TYPES = {
    b"word": (".docx", f"{OPEN_XML}wordprocessingml.document"),
    b"xl": (".xlsx", f"{OPEN_XML}spreadsheetml.sheet"),
    b"ppt": (".pptx", f"{OPEN_XML}presentationml.presentation"),
}
NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
ACCEPTED = "send a JPEG or PNG, or a PDF, DOCX, XLSX, PPTX or plain text"


class FileFormat(NamedTuple):
    """extensions: those that its name may have; the first is given to a name without one."""

    kind: str
    mime_type: str
    extensions: tuple[str, ...]

    @property
    def largest(self) -> int:
        """Bytes."""
        return LARGEST_IMAGE if self.kind == "image" else LARGEST_DOCUMENT


class SendableFile(NamedTuple):
    """kind: image or document. filename: as the contact sees it."""

    kind: str
    mime_type: str
    filename: str
    content: bytes


def sendable_file(name: str, content: bytes) -> SendableFile:
    """Refused (422): empty, of a type that WhatsApp does not show, too large."""
    if not content:
        refuse(422, "file", "is empty", ACCEPTED)
    found = format_of(content)
    if found is None:
        refuse(422, "file", "is of a type that is not sent, whatever its name says", ACCEPTED)
    if len(content) > found.largest:
        refuse_size(found.kind, found.largest)
    return SendableFile(found.kind, found.mime_type, shown_name(name, found.extensions), content)


def refuse_size(kind: str, largest: int) -> NoReturn:
    refuse(422, "file", f"this {kind} is too large", f"send at most {largest // MIB} MB")


def format_of(content: bytes) -> FileFormat | None:
    if JPEG.match(content):
        return FileFormat("image", "image/jpeg", (".jpg", ".jpeg"))
    if PNG.match(content):
        return FileFormat("image", "image/png", (".png",))
    if PDF.match(content):
        return FileFormat("document", "application/pdf", (".pdf",))
    if content.startswith(b"PK\x03\x04"):
        return zipped_format(content)
    if not NO_TEXT.search(content):
        return FileFormat("document", "text/plain", (".txt",))
    return None


def zipped_format(content: bytes) -> FileFormat | None:
    found = ZIPPED.search(content)
    if found is None:
        return None
    extension, mime_type = ZIPPED_TYPES[found[1]]
    return FileFormat("document", mime_type, (extension,))


def shown_name(name: str, extensions: tuple[str, ...]) -> str:
    """Without folders and what hides or turns letters, cut, and with an extension of its type."""
    own = NOT_IN_NAMES.sub("", re.split(r"[/\\]", name)[-1]).strip()
    extension = next((each for each in extensions if own.lower().endswith(each)), "")
    stem = own[: len(own) - len(extension)].strip()[:LONGEST_STEM] or "file"
    return f"{stem}{extension or extensions[0]}"
