"""What a file is, by its first bytes: names and MIME types are only what a phone says. Pure.

OpenAI takes a recording by the extension of its name, and WhatsApp's Ogg with Opus as `.ogg` only.
https://developers.openai.com/api/docs/guides/images-vision and .../file-inputs
"""

import re
from pathlib import PurePath
from typing import NamedTuple

IMAGES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
# AMR and AAC without a container are not taken by any server that we know.
RECORDINGS = {
    ("ogg", "audio/ogg"): re.compile(rb"OggS"),
    ("mp3", "audio/mpeg"): re.compile(rb"ID3|\xff[\xf2\xf3\xfa\xfb]"),
    ("m4a", "audio/mp4"): re.compile(rb"....ftyp", re.DOTALL),
    ("wav", "audio/wav"): re.compile(rb"RIFF....WAVE", re.DOTALL),
    ("flac", "audio/flac"): re.compile(rb"fLaC"),
}
OPEN_XML = "application/vnd.openxmlformats-officedocument."
ZIPPED, PLAIN = re.compile(rb"PK\x03\x04"), re.compile(rb"[^\x00]*\Z")
DOCUMENTS = {
    ".pdf": ("application/pdf", re.compile(rb".{0,1024}%PDF-", re.DOTALL)),
    ".docx": (f"{OPEN_XML}wordprocessingml.document", ZIPPED),
    ".xlsx": (f"{OPEN_XML}spreadsheetml.sheet", ZIPPED),
    ".pptx": (f"{OPEN_XML}presentationml.presentation", ZIPPED),
    ".txt": ("text/plain", PLAIN),
    ".csv": ("text/csv", PLAIN),
}
EXTENSIONS = {mime_type: extension for extension, (mime_type, _) in DOCUMENTS.items()}
LONGEST_STEM = 100  # characters
OPUS_RATE = 48_000  # a granule of Opus, whatever the sound's own rate
GRANULE = slice(6, 14)  # in a page's header, little-endian


class FileType(NamedTuple):
    """name: with the extension by which it is taken."""

    name: str
    mime_type: str


def image_type(content: bytes) -> str | None:
    """The MIME type of an image that a model takes."""
    return next((kind for kind, start in IMAGES.items() if start.match(content)), None)


def recording_type(content: bytes) -> FileType | None:
    for (extension, mime_type), start in RECORDINGS.items():
        if start.match(content):
            return FileType(f"voice.{extension}", mime_type)
    return None


def document_type(content: bytes, filename: str | None, mime_type: str | None) -> FileType | None:
    """By the extension of its name, else by its MIME type; the content must agree."""
    name = PurePath(filename or "")
    extension = name.suffix.lower()
    if extension not in DOCUMENTS:
        extension = EXTENSIONS.get((mime_type or "").partition(";")[0].strip().lower(), "")
    if extension not in DOCUMENTS:
        return None
    kind, start = DOCUMENTS[extension]
    stem = name.stem[:LONGEST_STEM] or "document"
    return FileType(f"{stem}{extension}", kind) if start.match(content) else None


def seconds_of_opus(content: bytes) -> float:
    """Of an Ogg file with Opus, by its last page; 0 where it cannot be told."""
    last = content.rfind(b"OggS")
    if b"OpusHead" not in content[:256] or len(content) < last + GRANULE.stop:
        return 0.0
    granules = int.from_bytes(content[last:][GRANULE], "little", signed=True)
    return max(granules, 0) / OPUS_RATE
