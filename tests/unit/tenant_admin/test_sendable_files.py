"""What may be sent as a file is told by its bytes; what is said of the rest."""

import io
import zipfile
from typing import Any

import pytest
from pydantic import ValidationError

from tenant_admin.core.problems import RequestRefused
from tenant_admin.core.schemas import SayFile
from tenant_admin.core.sendable_files import (
    LARGEST_DOCUMENT,
    LARGEST_IMAGE,
    OPEN_XML,
    sendable_file,
)
from tenant_admin.whatsapp.upload_media import UploadFailure, read_answer

JPEG, PNG, PDF = b"\xff\xd8\xff\xe0 photo", b"\x89PNG\r\n\x1a\n picture", b"%PDF-1.7\n%%EOF"


def zipped(*names: str) -> bytes:
    """An Office file as Office writes it: what it holds comes after its list of contents."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("[Content_Types].xml", "_rels/.rels", *names):
            archive.writestr(name, "<x/>")
    return file.getvalue()


def with_embedded_sheet() -> bytes:
    file = io.BytesIO(zipped("word/document.xml"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/embeddings/1.xlsx", zipped("xl/workbook.xml"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "kind", "mime_type", "shown"),
    [
        ("a.JPEG", JPEG, "image", "image/jpeg", "a.jpeg"),
        ("a.pdf", PNG, "image", "image/png", "a.pdf.png"),
        ("menú del día.pdf", PDF, "document", "application/pdf", "menú del día.pdf"),
        ("C:\\tmp\\carta", b"\n" * 900 + PDF, "document", "application/pdf", "carta.pdf"),
        ("../../x.docx", zipped("word/document2.xml"), "document", "wordprocessingml.document",
         "x.docx"),
        ("x", with_embedded_sheet(), "document", "wordprocessingml.document", "x.docx"),
        ("x", zipped("xl/workbook.xml"), "document", "spreadsheetml.sheet", "x.xlsx"),
        ("x", zipped("ppt/p.xml"), "document", "presentationml.presentation", "x.pptx"),
        ("precios.csv", "pan;1,20 €\r\n".encode(), "document", "text/plain", "precios.csv.txt"),
        ("", "año".encode("latin-1"), "document", "text/plain", "file.txt"),
        ("\u202efdp.exe\n", b"hola", "document", "text/plain", "fdp.exe.txt"),
        ("n" * 300 + ".pdf", PDF, "document", "application/pdf", "n" * 100 + ".pdf"),
    ],
)  # fmt: skip
def test_the_bytes_say_what_a_file_is(
    name: str, content: bytes, kind: str, mime_type: str, shown: str
) -> None:
    file = sendable_file(name, content)
    full = mime_type if "/" in mime_type else OPEN_XML + mime_type
    assert (file.kind, file.mime_type, file.filename) == (kind, full, shown)
    assert file.content == content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "is of a type that is not sent"),
        (b"\x00\x00\x00\x20ftypisom", "is of a type that is not sent"),
        (b"MZ\x90\x00\x03", "is of a type that is not sent"),
        (zipped("photos/1.jpg"), "is of a type that is not sent"),
        (JPEG + bytes(LARGEST_IMAGE), "this image is too large"),
        (PDF + bytes(LARGEST_DOCUMENT), "this document is too large"),
    ],
)
def test_what_is_not_sent_says_why_and_what_would_be(content: bytes, message: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        sendable_file("a.pdf", content)
    [error] = refused.value.errors
    assert (refused.value.status, error.field) == (422, "file")
    assert message in error.message
    assert error.fix


def test_the_largest_files_are_taken() -> None:
    assert sendable_file("a", JPEG.ljust(LARGEST_IMAGE)).kind == "image"
    assert sendable_file("a", PDF.ljust(LARGEST_DOCUMENT)).kind == "document"


def test_a_caption_is_measured_as_whatsapp_does() -> None:
    assert SayFile(caption="😀" * 512).caption == "😀" * 512
    for wrong in ("x" * 1025, "😀" * 513, "a\x00b"):
        with pytest.raises(ValidationError):
            SayFile(caption=wrong)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, b'{"id":"123"}', "123"),
        (200, b"<html>", UploadFailure("away", "HTTP 200")),
        (302, b"", UploadFailure("away", "HTTP 302")),
        (401, b'{"error":{"code":190}}', UploadFailure("token", "HTTP 401, code 190")),
        (403, b'{"error":{"code":200}}', UploadFailure("token", "HTTP 403, code 200")),
        (400, b'{"error":{"code":100,"error_subcode":33}}',
         UploadFailure("token", "HTTP 400, code 100")),
        (400, b'{"error":{"code":100}}', UploadFailure("file", "HTTP 400, code 100")),
        (413, b"", UploadFailure("file", "HTTP 413")),
        (400, b'{"error":{"code":130429}}', UploadFailure("away", "HTTP 400, code 130429")),
        (503, b"<html>", UploadFailure("away", "HTTP 503")),
    ],
)  # fmt: skip
def test_graphs_answers_are_told_apart(status: int, content: bytes, expected: Any) -> None:
    assert read_answer(status, content) == expected
