"""The emulator over real TCP, with openai's own SDK as the client."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from tests.support.loopback import serve

from devkit.emulators.openai import EmulatorConfig, create_app

INSTRUCTIONS = "Eres el asistente de Trattoria Bella Napoli. Horario: de 13:00 a 16:00."


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(create_app(EmulatorConfig(api_keys=frozenset({"sk-test"})))) as base:
        yield base


@pytest.fixture
def control(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url) as client:
        client.post("/control/reset").raise_for_status()
        yield client


@pytest.fixture
def client(url: str, control: httpx2.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{url}/v1", api_key="sk-test", max_retries=0, timeout=5
    ) as connected:
        yield connected


def ask(client: openai.OpenAI, text: str = "hola", **changes: Any) -> Any:
    request: dict[str, Any] = {
        "model": "gpt-6-luna",
        "instructions": INSTRUCTIONS,
        "input": text,
        "store": False,
        "safety_identifier": "a" * 64,
        **changes,
    }
    return client.responses.create(**request)


def fault(control: httpx2.Client, **fields: Any) -> None:
    control.post("/control/faults", json=fields).raise_for_status()


def test_answers_with_usage_and_a_request_id(client: openai.OpenAI) -> None:
    response = ask(client, metadata={"turn": "7"})
    assert response.status == "completed"
    assert "Trattoria Bella Napoli" in response.output_text
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.usage.output_tokens_details.reasoning_tokens > 0
    assert response.metadata == {"turn": "7"}
    assert response._request_id.startswith("req_")


def test_streams_the_same_answer(client: openai.OpenAI) -> None:
    events = list(ask(client, stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert events[-1].type == "response.completed"
    assert "".join(deltas) == events[-1].response.output_text == ask(client).output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_tool_loop_replayed_without_ids_is_accepted(client: openai.OpenAI) -> None:
    tool = {"type": "function", "name": "look_up", "parameters": None, "strict": False}
    first = ask(client, tools=[tool], tool_choice="required")
    replayed = [
        item.model_dump(exclude={"id", "status"}, exclude_none=True) for item in first.output
    ]
    result = {
        "type": "function_call_output",
        "call_id": first.output[-1].call_id,
        "output": "mesa 4",
    }
    items: Any = [{"role": "user", "content": "hola"}, *replayed, result]
    assert "mesa 4" in ask(client, items, tools=[tool]).output_text


def test_replaying_server_ids_with_store_false_is_refused(client: openai.OpenAI) -> None:
    items: Any = [item.model_dump(exclude_none=True) for item in ask(client).output]
    with pytest.raises(openai.BadRequestError, match="Items are not persisted"):
        ask(client, items)


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError, "model_not_found"),
        ({"max_output_tokens": 5}, openai.BadRequestError, "integer_below_min_value"),
        ({"store": True}, openai.BadRequestError, "house_rule"),
    ],
)
def test_refusals_arrive_as_the_sdks_exceptions(
    client: openai.OpenAI, changes: dict[str, Any], error: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(error) as raised:
        ask(client, **changes)
    assert raised.value.code == code
    assert raised.value.request_id


def test_a_wrong_key_is_unauthorized(client: openai.OpenAI, control: httpx2.Client) -> None:
    with pytest.raises(openai.AuthenticationError) as raised:
        ask(client.with_options(api_key="sk-other"))
    assert raised.value.code == "invalid_api_key"
    assert control.post("/v1/responses", json={}).status_code == 401


def test_models_tell_their_shutdown_date(client: openai.OpenAI) -> None:
    models = {model.id: model.shutdown_date for model in client.models.list()}
    assert models["gpt-6-luna"] is None
    assert models["gpt-4o-mini"] == "2027-01-14"
    assert "gpt-4" not in models
    assert client.models.retrieve("gpt-6-luna").id == "gpt-6-luna"


@pytest.mark.parametrize("name", ["voice.ogg", "voice.MP3"])
def test_transcribes_accepted_formats(client: openai.OpenAI, name: str) -> None:
    heard = client.audio.transcriptions.create(
        model="gpt-transcribe", file=(name, b"OggS" * 9, "audio/ogg"), keywords=["carta", "mesa"]
    )
    assert heard.text == "Hola, ¿qué horario tienen?"


@pytest.mark.parametrize("name", ["voice.opus", "voice.oga", "voice.amr", "voice"])
def test_the_name_alone_makes_a_voice_note_unsupported(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(
            model="gpt-transcribe", file=(name, b"OggS" * 9, "audio/ogg")
        )
    assert raised.value.code == "unsupported_value"


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error"),
        (503, openai.InternalServerError, "server_is_overloaded"),
    ],
)
def test_a_status_fault_is_injected_as_often_as_told(
    client: openai.OpenAI,
    control: httpx2.Client,
    status: int,
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    fault(control, kind="status", status=status, times=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(error) as raised:
            ask(client)
        assert raised.value.code == code
        assert raised.value.response.headers["retry-after"] == "7"
    assert ask(client).status == "completed"
    assert control.get("/control/faults").json() == {"pending": 0, "injected": {"status": 2}}


def test_a_fault_hits_only_the_business_it_is_for(
    client: openai.OpenAI, control: httpx2.Client
) -> None:
    fault(control, kind="status", match={"instructions": "Clínica"})
    assert ask(client).status == "completed"
    with pytest.raises(openai.InternalServerError):
        ask(client, instructions="Eres el asistente de Clínica Sol.")


def test_answers_that_are_no_answers_come_with_http_200(
    client: openai.OpenAI, control: httpx2.Client
) -> None:
    for kind in ("failed", "incomplete", "refusal", "empty"):
        fault(control, kind=kind)
    failed, incomplete, refusal, empty = (ask(client) for _ in range(4))
    assert (failed.status, failed.error.code) == ("failed", "server_error")
    assert incomplete.incomplete_details.reason == "max_output_tokens"
    assert refusal.output[-1].content[0].type == "refusal"
    assert (empty.status, empty.output_text) == ("completed", "")


def test_html_garbage_and_cut_connections(client: openai.OpenAI, control: httpx2.Client) -> None:
    for kind in ("html", "garbage", "cut", "cut"):
        fault(control, kind=kind)
    assert str(ask(client)).startswith("<!doctype html>")
    with pytest.raises(json.JSONDecodeError):
        ask(client)
    with pytest.raises(openai.APIConnectionError):
        ask(client)
    with pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)):
        list(ask(client, stream=True))


def test_a_hang_outlives_an_impatient_client(client: openai.OpenAI, control: httpx2.Client) -> None:
    fault(control, kind="hang", seconds=30)
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.1))
    fault(control, kind="hang", seconds=0.01)
    assert ask(client).status == "completed"


def test_a_rule_added_at_run_time_comes_first(
    client: openai.OpenAI, control: httpx2.Client
) -> None:
    rule = {"match": {"text": "vino"}, "answer": "Sí: {text}", "usage": [3, 4]}
    control.post("/control/rules", json=rule).raise_for_status()
    response = ask(client, "¿Hay VINO?")
    assert response.output_text == "Sí: ¿Hay VINO?"
    assert response.usage.total_tokens == 7


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"kind": "explode"}),
        ("faults", {"kind": "status", "tims": 2}),
        ("rules", {"match": {"text": "("}}),
        ("rules", {"respuesta": "x"}),
        ("delay", {"seconds": 1}),
    ],
)
def test_a_mistyped_control_request_is_told_so(
    control: httpx2.Client, path: str, body: dict[str, Any]
) -> None:
    assert control.post(f"/control/{path}", json=body).status_code == 400


def test_the_journal_keeps_requests_verbatim(client: openai.OpenAI, control: httpx2.Client) -> None:
    ask(client, "una pregunta")
    with pytest.raises(openai.BadRequestError):
        ask(client, "otra", max_output_tokens=1)
    journal = control.get("/control/journal").json()
    assert [request["status"] for request in journal["requests"]] == [200, 400]
    assert journal["requests"][0]["body"]["input"] == "una pregunta"
    assert journal["requests"][0]["headers"]["authorization"] == "Bearer sk-test"
    assert journal["calls"]["answered"] == journal["calls"]["refused"] == 1
    found = control.get("/control/journal", params={"contains": "otra"}).json()["requests"]
    assert len(found) == 1
