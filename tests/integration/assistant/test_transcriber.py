"""Recordings go to the strict emulator over TCP, as forms."""

from collections.abc import AsyncIterator, Iterator

import pytest
from starlette.responses import Response
from tests.support.loopback import serve

from assistant.openai.response import ModelFailure
from assistant.openai.sdk_client import LONGEST_BODY, SdkClient
from assistant.openai.transcription import Recording, Transcriber, Transcript
from devkit.emulators.openai import EmulatorConfig, create_app

pytestmark = pytest.mark.integration
KEY, MODEL, DEADLINE = "key-of-client-2", "gpt-transcribe", 5.0
VOICE = Recording("voice.ogg", b"OggS" + b"\xff" * 8000, "audio/ogg", "es")


@pytest.fixture
async def sdk() -> AsyncIterator[SdkClient]:
    client = SdkClient(5)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
def server() -> Iterator[str]:
    config = EmulatorConfig(api_keys=frozenset({KEY}), transcript="¿Abren hoy?")
    with serve(create_app(config)) as url:
        yield f"{url}/v1"


async def test_a_voice_note_becomes_its_words(sdk: SdkClient, server: str) -> None:
    transcriber = Transcriber(server, sdk, DEADLINE)
    heard = await transcriber.transcribe(KEY, MODEL, VOICE)
    assert isinstance(heard, Transcript)
    assert (heard.text, heard.seconds) == ("¿Abren hoy?", 2)


async def test_the_clients_own_server_is_asked_where_it_has_one(
    sdk: SdkClient, server: str
) -> None:
    transcriber = Transcriber("http://127.0.0.1:9/v1", sdk, DEADLINE)
    assert await transcriber.transcribe(KEY, MODEL, VOICE) == ModelFailure(
        "connection", "transient"
    )
    assert isinstance(await transcriber.transcribe(KEY, MODEL, VOICE, server), Transcript)


@pytest.mark.parametrize(
    ("recording", "key", "failure"),
    [
        (
            Recording("voice.opus", b"OggS", "audio/ogg"),
            KEY,
            ModelFailure("http_400:unsupported_value", code="unsupported_value", param="file"),
        ),
        (
            VOICE,
            "key-of-a-stranger",
            ModelFailure("http_401:invalid_api_key", "account", code="invalid_api_key"),
        ),
    ],
)
async def test_a_refusal_says_why(
    sdk: SdkClient, server: str, recording: Recording, key: str, failure: ModelFailure
) -> None:
    assert await Transcriber(server, sdk, DEADLINE).transcribe(key, MODEL, recording) == failure


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>", 200, "unreadable"),
        (b"[" * 100_000, 200, "unreadable"),
        (b"<html>", 502, "http_502"),
        (b"x" * (LONGEST_BODY + 1), 200, "too_long"),
        (b"x" * (LONGEST_BODY + 1), 500, "too_long"),
    ],
)
async def test_an_odd_answer_is_a_failure(
    sdk: SdkClient, body: bytes, status: int, reason: str
) -> None:
    with serve(Response(body, status)) as url:
        heard = await Transcriber(url, sdk, DEADLINE).transcribe(KEY, MODEL, VOICE)
    assert isinstance(heard, ModelFailure)
    assert heard.reason == reason
