"""Files of messages on a real database: stored with the message, words kept, nothing paid twice."""

from typing import Any

import pytest
from tests.support.assistant import (
    RunningAssistant,
    ScriptedModel,
    a_client,
    incoming,
    running_assistant,
)
from tests.support.kafka import Broker
from tests.support.media import JPEG, VOICE, Ears, FilesAtMeta, Media
from tests.support.postgres import NewDatabase
from tests.support.waiting import eventually_async

from assistant.openai.response import ModelAnswer, ModelFailure, Usage
from common.events import MediaFile

pytestmark = pytest.mark.integration
MESSAGES = "select body, media from message where role = 'u' order by id"


def voice_note(id: str = "m1") -> Any:
    file = MediaFile(id=id, mime_type="audio/ogg; codecs=opus", voice=True)
    return incoming("[voice note]", wamid=f"wamid.{id}", what="audio", media=file)


def photo(words: str = "") -> Any:
    file = MediaFile(id="m2", mime_type="image/jpeg")
    return incoming(f"[photo] {words}".strip(), wamid="wamid.m2", what="image", media=file)


def some_media() -> Media:
    return Media(FilesAtMeta({"m1": VOICE, "m2": JPEG}), Ears("¿Abren hoy?"))


def asked(assistant: RunningAssistant, call: int = -1) -> Any:
    return assistant.model.bodies[call]["input"][-1]["content"]


async def test_the_words_of_a_voice_note_are_answered_and_remembered(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url, media = new_database(("assistant", "assistant")), some_media()
    async with running_assistant(url, kafka.settings, media=media) as assistant:
        await assistant.receive(voice_note())
        [reply] = await assistant.replies()
        assert reply.text == "echo [voice note] ¿Abren hoy?"
        stored = await assistant.rows(MESSAGES)
        assert [tuple(row) for row in stored] == [("[voice note] ¿Abren hoy?", None)]
        await assistant.receive(incoming("¿Y mañana?"))
        await assistant.wait_until_settled()
        contents = [item["content"] for item in assistant.model.bodies[-1]["input"]]
        assert "[voice note] ¿Abren hoy?" in contents
        assert len(media.ears.heard) == 1


async def test_a_turn_that_is_tried_again_pays_for_the_words_once_and_sees_the_photo_again(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url, media = new_database(("assistant", "assistant")), some_media()
    model = ScriptedModel([ModelFailure("http_500", "transient"), ModelAnswer("sí", Usage("m"))])
    client = a_client(settings={"quiet_window_ms": 100})
    async with running_assistant(
        url, kafka.settings, client, media=media, model=model
    ) as assistant:
        await assistant.receive(voice_note(), photo("¿Y esto?"))
        [reply] = await assistant.replies()
        assert reply.text == "sí"
        assert len(media.ears.heard) == 1
        assert media.files.downloaded.count("m1") == 1
        assert media.files.downloaded.count("m2") == len(model.bodies) == 2
        assert asked(assistant)[1]["type"] == "input_image"
        stored = await assistant.rows(MESSAGES)
        assert stored[1].body == "[photo] ¿Y esto?"
        assert stored[1].media["id"] == "m2"
        await assistant.receive(incoming("bien"))
        await assistant.wait_until_settled()
        contents = [item["content"] for item in assistant.model.bodies[-1]["input"]]
        assert "[photo] ¿Y esto?" in contents


async def test_what_was_said_outlives_a_turn_that_is_superseded(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url, media = new_database(("assistant", "assistant")), some_media()
    async with running_assistant(url, kafka.settings, media=media) as assistant:
        gate = assistant.model.close()
        await assistant.receive(voice_note())
        await assistant.wait_for_calls(1)
        await assistant.receive(incoming("¿hola?"))
        await assistant.wait_for_calls(2)
        gate.set()
        await assistant.wait_until_settled()
        contents = [item["content"] for item in assistant.model.bodies[1]["input"]]
        assert contents[-2:] == ["[voice note] ¿Abren hoy?", "¿hola?"]
        assert len(media.ears.heard) == 1


async def test_a_spoken_stop_is_a_stop(kafka: Broker, new_database: NewDatabase) -> None:
    url, media = new_database(("assistant", "assistant")), some_media()
    media.ears.words = "Stop."
    async with running_assistant(url, kafka.settings, media=media) as assistant:
        await assistant.receive(voice_note())
        [reply] = await assistant.replies()
        assert reply.kind == "notice"
        assert assistant.model.bodies == []


async def test_nothing_is_fetched_for_who_gets_no_answer(
    kafka: Broker, new_database: NewDatabase
) -> None:
    url, media = new_database(("assistant", "assistant")), some_media()
    async with running_assistant(url, kafka.settings, media=media) as assistant:
        await assistant.receive(incoming("STOP"))
        await assistant.wait_until_settled()
        await assistant.receive(voice_note())
        await eventually_async(assistant.outcomes, "an outcome")
        assert media.files.looked_up == []


async def test_a_file_that_is_gone_is_said(kafka: Broker, new_database: NewDatabase) -> None:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings) as assistant:
        await assistant.receive(photo("¿Cuánto?"))
        await assistant.replies()
        assert asked(assistant) == "[photo] [could not be opened] ¿Cuánto?"
