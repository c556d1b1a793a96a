"""Images, files and recordings at the emulator, sent with openai's own SDK."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from tests.support.loopback import serve

from devkit.emulators.openai import EmulatorConfig, create_app

JPEG = b"\xff\xd8\xff\xe0 DEVKIT-TEXT=La mesa cinco\x00\xff\xd9"
PDF = b"%PDF-1.4\n%DEVKIT-TEXT=Presupuesto: 40 EUR\n%%EOF"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(create_app(EmulatorConfig())) as base:
        yield base


@pytest.fixture
def control(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url) as client:
        client.post("/control/reset").raise_for_status()
        yield client


@pytest.fixture
def client(url: str, control: httpx2.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0, timeout=5) as connected:
        yield connected


def data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def image(url: str = data_url("image/jpeg", JPEG)) -> dict[str, Any]:
    return {"type": "input_image", "detail": "low", "image_url": url}


def file(**changes: Any) -> dict[str, Any]:
    data = data_url("application/pdf", PDF)
    part = {"type": "input_file", "filename": "p.pdf", "file_data": data, "detail": "low"}
    return part | changes


def ask(client: openai.OpenAI, *parts: Any, text: str = "[photo]") -> str:
    content = [{"type": "input_text", "text": text}, *parts]
    response = client.responses.create(
        model="gpt-6-luna",
        instructions="You are the assistant of Bella Napoli.",
        input=[{"role": "user", "content": content}],
        store=False,
        safety_identifier="a" * 64,
    )
    return response.output_text


def hear(client: openai.OpenAI, content: bytes, name: str = "voice.ogg") -> Any:
    recording = (name, content, "audio/ogg")
    return client.audio.transcriptions.create(
        model="gpt-transcribe", file=recording, language="es"
    ).text


def test_it_says_what_it_saw_and_read(client: openai.OpenAI) -> None:
    said = ask(client, image(), file())
    assert "photo" in said
    assert "«La mesa cinco»" in said
    assert "«Presupuesto: 40 EUR»" in said
    assert "**p.pdf**" in said


def test_a_photo_alone_is_answered_with_a_question(client: openai.OpenAI) -> None:
    said = ask(client, image(data_url("image/png", b"\x89PNG\r\n\x1a\n")))
    assert said.endswith("What would you like to know?")


def test_a_text_file_is_read_as_it_is(client: openai.OpenAI) -> None:
    part = file(filename="a.csv", file_data=data_url("text/csv", b"pizza,9"))
    assert "«pizza,9»" in ask(client, part)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (image("data:image/jpeg;base64,%%%"), "image_url"),
        (image("data:image/jpeg;base64,AAAA"), "image_url"),
        (image(data_url("image/png", JPEG)), "image_url"),
        (image(data_url("image/bmp", b"BM")), "image_url"),
        (image() | {"detail": "tiny"}, "detail"),
        ({"type": "input_image", "detail": "low"}, "image_url"),
        (file(filename=""), "filename"),
        (file(filename="a.zip"), "filename"),
        (file(file_data="JVBERg=="), "file_data"),
        (file(file_data="data:application/pdf;base64,"), "file_data"),
        (file(detail="original"), "detail"),
        ({"type": "input_file", "filename": "a.pdf"}, "file_data"),
    ],
)
def test_what_is_not_what_it_says_is_refused(
    client: openai.OpenAI, part: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        ask(client, part)
    assert raised.value.param == f"input[0].content[1].{param}"


def test_a_recording_says_what_is_written_into_it(
    client: openai.OpenAI, control: httpx2.Client
) -> None:
    assert hear(client, b"OggS DEVKIT-TEXT=Quiero una mesa\x00 more") == "Quiero una mesa"
    (call,) = control.get("/control/journal").json()["requests"]
    assert call["body"]["filename"] == "voice.ogg"
    assert call["body"]["language"] == "es"


def test_a_transcription_fails_on_order(client: openai.OpenAI, control: httpx2.Client) -> None:
    for_audio = {"match": {"model": "gpt-transcribe"}}
    control.post("/control/faults", json={"kind": "status", "status": 429, **for_audio})
    with pytest.raises(openai.RateLimitError):
        hear(client, b"OggS")
    control.post("/control/faults", json={"kind": "empty", **for_audio})
    assert hear(client, b"OggS") == ""
    assert hear(client, b"OggS") == "Hola, ¿qué horario tienen?"


def test_a_fault_of_an_answer_is_not_of_a_transcription(
    client: openai.OpenAI, control: httpx2.Client
) -> None:
    control.post("/control/faults", json={"kind": "status", "status": 500})
    assert hear(client, b"OggS")
    with pytest.raises(openai.InternalServerError):
        ask(client)
