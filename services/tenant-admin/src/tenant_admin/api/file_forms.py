"""A multipart form with one file, read after the key was checked: few at once, each in memory."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import SayFile
from tenant_admin.core.sendable_files import LARGEST_DOCUMENT, MIB, SendableFile, sendable_file

AT_ONCE = 2
READ_SECONDS = 60.0
MAX_FORM = LARGEST_DOCUMENT + (64 << 10)  # bytes: the file, and what is around it
FORM = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "JPEG or PNG of at most 5 MB; PDF, DOCX, XLSX, PPTX or plain text of at"
            " most 16 MB. Its bytes say what it is; its name is shown with a document.",
        },
        "caption": {
            "type": "string",
            "maxLength": 1024,
            "description": "Shown below the file; an emoji counts as two characters",
        },
    },
}
# FastAPI's own limit answers in plain text without a mend; `at_most` bounds the form instead.
UNLIMITED = sys.maxsize
REQUEST_BODY = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}
}


class FileForm(NamedTuple):
    file: SendableFile
    caption: str | None


class FileForms:
    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def opened(self, request: Request) -> AsyncIterator[FileForm]:
        """Its place is taken until the caller is done with the file."""
        async with self._slots:
            yield await read_form(request)


async def read_form(request: Request) -> FileForm:
    """Refused: 400 unreadable, 413, 422 what is wrong in it, 503 when it comes too slowly."""
    try:
        bounded = Request(request.scope, at_most(MAX_FORM, request.receive))
        async with asyncio.timeout(READ_SECONDS), bounded.form(max_files=1, max_fields=5) as form:
            return await file_form(form)
    except ClientDisconnect:
        refuse(400, "file", "did not arrive whole", "send it again")
    except TimeoutError:
        refuse(503, "file", f"did not arrive within {READ_SECONDS:.0f} s", "send it again")


def at_most(limit: int, receive: Receive) -> Receive:
    """Refused (413) as soon as more than so many bytes have come."""
    size = 0

    async def receive_some() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            most = f"send at most {LARGEST_DOCUMENT // MIB} MB"
            refuse(413, "file", "is too large", most)
        return message

    return receive_some


async def file_form(form: FormData) -> FileForm:
    fields = {name: value for name, value in form.items() if name != "file"}
    caption = parsed(SayFile, fields).caption
    file = form.get("file")
    if not isinstance(file, UploadFile):
        refuse(422, "file", "is missing", "send multipart/form-data with a file in this field")
    return FileForm(sendable_file(file.filename or "", await file.read()), caption or None)
