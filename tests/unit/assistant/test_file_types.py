"""What a file is, by its bytes."""

import struct

import pytest

from assistant.file_types import document_type, image_type, recording_type, seconds_of_opus

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"GIF89a", None),
        (b"<!doctype html>", None),
        (b"", None),
    ],
)
def test_images(content: bytes, kind: str | None) -> None:
    assert image_type(content) == kind


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"OggS\x00", "voice.ogg"),
        (b"ID3\x04", "voice.mp3"),
        (b"\xff\xfb\x90", "voice.mp3"),
        (b"\x00\x00\x00\x20ftypM4A ", "voice.m4a"),
        (b"RIFF\x00\x00\x00\x00WAVE", "voice.wav"),
        (b"fLaC", "voice.flac"),
        (b"#!AMR\n", None),
        (b"\xff\xf1\x50", None),
        (b"<html>", None),
    ],
)
def test_recordings(content: bytes, name: str | None) -> None:
    kind = recording_type(content)
    assert (kind.name if kind else None) == name


@pytest.mark.parametrize(
    ("content", "filename", "mime_type", "name"),
    [
        (b"%PDF-1.7", "Carta de verano.PDF", None, "Carta de verano.pdf"),
        (b"\n\n%PDF-1.7", None, "application/pdf", "document.pdf"),
        (b"PK\x03\x04", "a.docx", None, "a.docx"),
        (b"PK\x03\x04", "contrato", DOCX, "contrato.docx"),
        (b"PK\x03\x04", "a.xlsx", None, "a.xlsx"),
        (b"a,b", "a.csv", "text/csv; charset=utf-8", "a.csv"),
        ("España".encode("latin-1"), "a.txt", "text/plain", "a.txt"),
        (b"hola", "nota", "text/plain; charset=utf-8", "nota.txt"),
        (b"PK\x03\x04", "a.zip", "application/zip", None),
        (b"PK\x03\x04", "a.pdf", "application/pdf", None),
        (b"%PDF-1.7", "a.docx", DOCX, None),
        (b"MZ\x00\x01", "a.txt", "text/plain", None),
        (b"x", "a", None, None),
    ],
)
def test_documents(
    content: bytes, filename: str | None, mime_type: str | None, name: str | None
) -> None:
    kind = document_type(content, filename, mime_type)
    assert (kind.name if kind else None) == name


def test_the_length_of_a_voice_note_is_on_its_last_page() -> None:
    def page(granules: int) -> bytes:
        return b"OggS\x00\x00" + struct.pack("<q", granules) + bytes(12)

    voice = page(0) + b"OpusHead" + page(48_000) + page(48_000 * 700)
    assert seconds_of_opus(voice) == 700.0
    assert seconds_of_opus(b"OggS" + bytes(99)) == 0.0
    assert seconds_of_opus(b"OggSOpusHead") == 0.0
    assert seconds_of_opus(page(-1) + b"OpusHead" + page(-1)) == 0.0
