"""Each type of file: what the model reads of it, and what it is told when it is not opened."""

import asyncio
from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from tests.support.builders import NOON, NUMBER, a_message, a_tenant, an_assistant
from tests.support.media import JPEG, PDF, VOICE, Ears, FilesAtMeta, Media
from tests.support.turns import a_turn, contact_message
from tests.support.waiting import eventually_async

from assistant.media import MessageMedia, media_column, message_media, newest_that_fit
from assistant.openai.response import ModelFailure
from assistant.prompt import request_body
from assistant.turn_context import StoredMessage, TurnContext
from assistant.whatsapp.media_client import MediaFailure, WhatsAppNumber
from common.events import MediaFile

TENANT = a_tenant()
PHOTO, NOTE = MessageMedia("m1", "image"), MessageMedia("m1", "audio")
MENU = MessageMedia("m1", "document", "application/pdf", "carta.pdf")


def turn_of(*messages: StoredMessage) -> TurnContext:
    return replace(a_turn(), pending=messages)


def sent(body: str, media: MessageMedia, id: int = 1) -> StoredMessage:
    return contact_message(body, id, media=media)


async def read(media: Media, *messages: StoredMessage, **settings: Any) -> list[Any]:
    """What the model gets of the new messages."""
    tenant = a_tenant(settings=settings) if settings else TENANT
    turn = turn_of(*messages)
    async with media.opener().opened(turn, tenant) as opened:
        body = request_body(opened.turn, tenant, an_assistant(), NOON, files=opened.files)
    return [item["content"] for item in body["input"][-len(messages) :]]


def at_meta(content: bytes | MediaFailure, **fields: Any) -> Media:
    return Media(FilesAtMeta({"m1": content}, **fields))


@pytest.mark.parametrize(
    ("message", "content", "part"),
    [
        (
            sent("[photo] ¿Cuánto cuesta?", PHOTO),
            JPEG,
            {"type": "input_image", "detail": "low", "image_url": "data:image/jpeg;base64,"},
        ),
        (
            sent('[document "carta.pdf"]', MENU),
            PDF,
            {
                "type": "input_file",
                "detail": "low",
                "filename": "carta.pdf",
                "file_data": "data:application/pdf;base64,",
            },
        ),
    ],
)
async def test_an_image_or_document_goes_with_its_words(
    message: StoredMessage, content: bytes, part: dict[str, Any]
) -> None:
    ((text, file),) = await read(at_meta(content), message)
    assert text == {"type": "input_text", "text": message.body}
    data = "image_url" if "image_url" in part else "file_data"
    url = file.pop(data)
    assert url.startswith(part.pop(data))
    assert b64decode(url.partition(",")[2]) == content
    assert file == part


async def test_a_voice_note_becomes_words_and_is_kept() -> None:
    media = at_meta(VOICE)
    body = "[voice note] ¿Qué horario tienen?"
    assert await read(media, sent("[voice note]", NOTE)) == [body]
    assert media.kept == {1: body}
    ((key, model, recording),) = media.ears.heard
    assert (key, model) == ("test-key", "gpt-transcribe")
    assert (recording.filename, recording.mime_type) == ("voice.ogg", "audio/ogg")
    assert (recording.content, recording.language) == (VOICE, "es")
    assert media.files.looked_up == [(WhatsAppNumber(NUMBER, "test-token"), "m1")]


NOT_OPENED = "[photo] [could not be opened] ¿Cuánto?"


@pytest.mark.parametrize(
    ("message", "media", "words"),
    [
        (sent("[photo] ¿Cuánto?", PHOTO), at_meta(MediaFailure("http_400:100")), NOT_OPENED),
        (sent("[photo] ¿Cuánto?", PHOTO), Media(), NOT_OPENED),
        (sent("[photo] ¿Cuánto?", PHOTO), Media(access_token=None), NOT_OPENED),
        (
            sent("[photo]", PHOTO),
            at_meta(b"<html>"),
            "[photo] [not opened: this kind of file cannot be read here]",
        ),
        (
            sent("[photo]", PHOTO),
            at_meta(JPEG, sizes={"m1": (5 << 20) + 1}),
            "[photo] [not opened: too large]",
        ),
        (
            sent('[document "a.zip"]', MessageMedia("m1", "document", None, "a.zip")),
            at_meta(b"PK\x03\x04"),
            '[document "a.zip"] [not opened: this kind of file cannot be read here]',
        ),
        (
            sent("[voice note]", NOTE),
            at_meta(b"#!AMR\n"),
            "[voice note] [not opened: this kind of file cannot be read here]",
        ),
        (
            sent("[voice note]", NOTE),
            at_meta(MediaFailure("connection", may_pass=True)),
            "[voice note] [could not be opened]",
        ),
        (
            sent("[voice note]", NOTE),
            Media(FilesAtMeta({"m1": VOICE}), Ears(failures=[ModelFailure("http_401", "account")])),
            "[voice note] [could not be opened]",
        ),
        (
            sent("[voice note]", NOTE),
            Media(FilesAtMeta({"m1": VOICE}), Ears(failures=[ModelFailure("empty")])),
            "[voice note] [no words could be heard in it]",
        ),
    ],
)
async def test_what_is_not_opened_is_told(message: StoredMessage, media: Media, words: str) -> None:
    assert await read(media, message) == [words]
    assert media.kept == {}


async def test_a_client_may_turn_hearing_off() -> None:
    media = at_meta(VOICE)
    heard = await read(media, sent("[voice note]", NOTE), transcription_model="off")
    assert heard == ["[voice note] [cannot be heard here]"]
    assert media.files.looked_up == []


async def test_a_failure_that_may_pass_is_tried_again() -> None:
    media = at_meta(VOICE)
    media.ears.failures = [ModelFailure("http_500", "transient")]
    assert await read(media, sent("[voice note]", NOTE)) == ["[voice note] ¿Qué horario tienen?"]
    assert len(media.ears.heard) == 2


async def test_a_turn_without_files_asks_nobody() -> None:
    media = Media(access_token=None)
    assert await read(media, contact_message("hola")) == ["hola"]


async def test_of_many_photos_the_newest_are_seen() -> None:
    media = Media(FilesAtMeta({f"m{n}": JPEG for n in range(7)}))
    photos = [sent("[photo]", MessageMedia(f"m{n}", "image"), n) for n in range(7)]
    seen = await read(media, *photos)
    assert seen[:2] == ["[photo] [not opened: too many files at once]"] * 2
    assert [content[1]["type"] for content in seen[2:]] == ["input_image"] * 5
    assert sorted(media.files.downloaded) == ["m2", "m3", "m4", "m5", "m6"]


def test_a_request_takes_so_many_bytes() -> None:
    mega = 1 << 20
    assert newest_that_fit({1: mega, 2: 10 * mega, 3: 10 * mega}) == {3: 10 * mega, 2: 10 * mega}
    assert newest_that_fit({1: mega, 2: 12 * mega, 3: 10 * mega}) == {3: 10 * mega, 1: mega}
    assert newest_that_fit({}) == {}


async def test_two_turns_pay_for_one_transcription() -> None:
    """The first is superseded while it hears; it is not ended, and the second waits for it."""
    media = at_meta(VOICE)
    media.ears.gate = asyncio.Event()
    opener, turn = media.opener(), turn_of(sent("[voice note]", NOTE))

    async def body() -> str:
        async with opener.opened(turn, TENANT) as opened:
            return opened.turn.pending[0].body

    first, second = asyncio.create_task(body()), asyncio.create_task(body())
    await eventually_async(lambda: len(media.ears.heard) == 1, "it hears")
    first.cancel()
    media.ears.gate.set()
    assert await second == "[voice note] ¿Qué horario tienen?"
    assert len(media.ears.heard) == 1
    assert len(media.kept) == 1


async def test_files_wait_for_memory() -> None:
    media = replace(at_meta(JPEG), budget=len(JPEG))
    opener, turn = media.opener(), turn_of(sent("[photo]", PHOTO))
    async with opener.opened(turn, TENANT):
        waiting = asyncio.create_task(opener.opened(turn, TENANT).__aenter__())
        await eventually_async(lambda: len(media.files.looked_up) == 2, "it looks up")
        assert media.files.downloaded == ["m1"]
    await waiting
    assert media.files.downloaded == ["m1", "m1"]


@pytest.mark.parametrize(
    ("what", "column"),
    [
        ("image", '{"id":"5","what":"image","mime_type":"image/jpeg"}'),
        ("audio", '{"id":"5","what":"audio","mime_type":"image/jpeg"}'),
        ("video", None),
        (None, None),
    ],
)
def test_what_can_be_opened_is_stored(what: str | None, column: str | None) -> None:
    event = a_message("x", what=what, media=MediaFile(id="5", mime_type="image/jpeg"))
    assert media_column(event) == column


def test_a_text_stores_nothing() -> None:
    assert media_column(a_message("hola", what="text")) is None
    assert message_media(None) is None
    assert message_media({"id": "5", "what": "image"}) == MessageMedia("5", "image")
