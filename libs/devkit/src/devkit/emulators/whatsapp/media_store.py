"""The files that contacts can send and businesses upload: in memory, the oldest are forgotten."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

LARGEST = 100 << 20  # bytes of one file, Meta's limit for documents
KEPT = 256 << 20  # bytes of all files together


@dataclass(frozen=True)
class StoredFile:
    """numbers: the phone_number_ids whose token may fetch it."""

    id: str
    content: bytes
    mime_type: str
    filename: str | None = None
    numbers: set[str] = field(default_factory=set)

    @cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.content).digest()

    def look_up(self) -> dict[str, Any]:
        """As the Graph API describes it."""
        size = len(self.content)
        described = {"mime_type": self.mime_type, "sha256": self.digest.hex(), "file_size": size}
        return {"id": self.id} | described

    def in_webhook(self, kind: str) -> dict[str, Any]:
        """The fields of a message's media object; there the hash is base64."""
        named = {"filename": self.filename} if kind == "document" and self.filename else {}
        sha256 = b64encode(self.digest).decode()
        return {"mime_type": self.mime_type, "sha256": sha256} | named


class MediaStore:
    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._files: dict[str, StoredFile] = {}
        self._last_id = 10**15

    def put(self, content: bytes, mime_type: str, filename: str | None = None) -> StoredFile:
        self._last_id += 1
        file = StoredFile(str(self._last_id), content, mime_type, filename)
        self._files[file.id] = file
        while sum(len(each.content) for each in self._files.values()) > self._kept:
            del self._files[next(iter(self._files))]
        return file

    def get(self, media_id: str) -> StoredFile | None:
        return self._files.get(media_id)

    def send(self, media_id: str, phone_number_id: str) -> None:
        """A contact sends it to a number, which may fetch it from now on."""
        if file := self.get(media_id):
            file.numbers.add(phone_number_id)
