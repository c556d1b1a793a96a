"""Real calls over TCP to the strict emulator, with the faults that a vendor has."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from tests.support.assistant import a_client
from tests.support.builders import NOON, an_assistant
from tests.support.loopback import serve
from tests.support.turns import a_conversation, a_turn

from assistant.openai.client import ResponsesClient
from assistant.openai.gateway import ModelGateway
from assistant.openai.model_server import ModelServer
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.sdk_client import SdkClient
from assistant.prompt import request_body, safety_identifier
from common.service.clock import SystemClock
from devkit.emulators.openai import EmulatorConfig, create_app

pytestmark = pytest.mark.integration
DEADLINE = 5.0
SAID = b'{"output": [{"type": "message", "content": [{"type": "output_text", "text": "%s"}]}]}'
KEYS = ("key-of-ours", "key-of-client-2")
OURS = ModelServer(KEYS[0])


@pytest.fixture
def emulator() -> Iterator[str]:
    config = EmulatorConfig(api_keys=frozenset(KEYS))
    with serve(create_app(config)) as url:
        yield url


@asynccontextmanager
async def calling(base_url: str, connections: int = 5) -> AsyncIterator[ResponsesClient]:
    sdk = SdkClient(connections)
    await sdk.start()
    yield ResponsesClient(base_url, sdk)
    await sdk.stop()


@pytest.fixture
async def model(emulator: str) -> AsyncIterator[ResponsesClient]:
    async with calling(f"{emulator}/v1", connections=50) as client:
        yield client


def a_body(**assistant: Any) -> dict[str, Any]:
    values = {"model": "gpt-6-luna"} | assistant
    body: dict[str, Any] = request_body(
        a_turn("¿Abren hoy?"), a_client(), an_assistant(**values), NOON
    )
    return body | {"safety_identifier": safety_identifier(b"secret", a_conversation())}


async def fault(emulator: str, kind: str, **fields: Any) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{emulator}/control/faults", json={"kind": kind} | fields)
        answer.raise_for_status()


async def journal(emulator: str) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        entries: dict[str, Any] = (await client.get(f"{emulator}/control/journal")).json()
    return entries


@pytest.mark.parametrize(
    "assistant",
    [
        {},
        {"reasoning_effort": "none", "temperature": 0.3, "top_p": 0.9, "verbosity": "low"},
        {"reasoning_effort": "low", "temperature": 0.3},
        {"assistant_id": "asst_" + "x" * 90},
        {"model": "gpt-6-astra", "reasoning_effort": "none", "temperature": 0.3},
        {"model": "gpt-4.1", "reasoning_effort": "none", "verbosity": "low", "temperature": 0.3},
    ],
)
async def test_the_strict_server_accepts_our_requests(
    model: ResponsesClient, assistant: dict[str, Any]
) -> None:
    answer = await model.ask(OURS, a_body(**assistant), DEADLINE)
    assert isinstance(answer, ModelAnswer)
    assert answer.text
    assert answer.usage.input_tokens > 0


async def test_a_call_carries_its_clients_key_and_no_other(model: ResponsesClient) -> None:
    for key in KEYS:
        assert isinstance(await model.ask(ModelServer(key), a_body(), DEADLINE), ModelAnswer)
    refused = await model.ask(ModelServer("key-of-a-stranger"), a_body(), DEADLINE)
    assert refused == ModelFailure("http_401:invalid_api_key", "account", code="invalid_api_key")


ONE_CALL = """
import asyncio, sys
from assistant.openai.client import ResponsesClient
from assistant.openai.model_server import ModelServer
from assistant.openai.sdk_client import SdkClient
async def ask():
    sdk = SdkClient(1)
    await sdk.start()
    model = ResponsesClient(sys.argv[1], sdk)
    await model.ask(ModelServer("key-of-client-2"), {"model": "gpt-6-luna", "input": "hola"}, 5)
    await sdk.stop()
asyncio.run(ask())
"""


def test_an_account_of_our_environment_never_goes_with_a_clients_key() -> None:
    heard: list[Headers] = []

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            heard.append(Headers(scope=scope))
            await Response("{}")(scope, receive, send)

    ours = {
        "OPENAI_ORG_ID": "org-of-ours",
        "OPENAI_PROJECT_ID": "project-of-ours",
        "OPENAI_API_KEY": "key-of-ours",
        "OPENAI_CUSTOM_HEADERS": "openai-organization: org-of-ours",
    }
    with serve(listen) as url:
        subprocess.run([sys.executable, "-c", ONE_CALL, url], env=ours, check=True, timeout=30)
    [headers] = heard
    assert headers["authorization"] == "Bearer key-of-client-2"
    assert [value for value in headers.values() if "of-ours" in value] == []


SLOW_DOWN = {"status": 429, "retry_after": 7}
NO_MONEY = SLOW_DOWN | {"code": "insufficient_quota"}


@pytest.mark.parametrize(
    ("kind", "fields", "reason", "failure_kind"),
    [
        ("status", SLOW_DOWN, "http_429:rate_limit_exceeded", "rate_limit"),
        ("status", NO_MONEY, "billing:insufficient_quota", "account"),
        ("status", {"status": 401}, "http_401:invalid_api_key", "account"),
        ("status", {"status": 500}, "http_500:server_error", "transient"),
        ("html", {}, "unreadable", "transient"),
        ("garbage", {}, "unreadable", "transient"),
        ("cut", {}, "connection", "transient"),
        ("failed", {}, "failed:server_error", "transient"),
        ("incomplete", {}, "incomplete:max_output_tokens", "final"),
        ("refusal", {}, "refusal", "final"),
        ("empty", {}, "empty", "final"),
        ("huge", {}, "too_long", "final"),
    ],
)
async def test_a_fault_is_one_call_and_a_failure_with_its_reason(
    emulator: str,
    model: ResponsesClient,
    kind: str,
    fields: dict[str, Any],
    reason: str,
    failure_kind: str,
) -> None:
    await fault(emulator, kind, **fields)
    failure = await model.ask(OURS, a_body(), DEADLINE)
    assert isinstance(failure, ModelFailure)
    assert (failure.reason, failure.kind) == (reason, failure_kind)
    assert failure.retry_after == (7.0 if failure_kind == "rate_limit" else 0.0)
    assert len((await journal(emulator))["requests"]) == 1
    assert isinstance(await model.ask(OURS, a_body(), DEADLINE), ModelAnswer)


async def test_a_refusal_names_the_servers_request(emulator: str, model: ResponsesClient) -> None:
    await fault(emulator, "status", status=500)
    failure = await model.ask(OURS, a_body(), DEADLINE)
    assert isinstance(failure, ModelFailure)
    assert (failure.request_id or "").startswith("req_")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", "unreadable"),
        (b'{"output": [', "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (SAID % rb"Hola \ud83d", "Hola \ufffd"),
        (SAID % b"<think>No.</think> Hola.", "Hola."),
        (SAID % rb"\u200b\u2060", "empty"),
    ],
)
async def test_odd_bodies_cost_no_more_than_what_is_odd(body: bytes, expected: str) -> None:
    with serve(Response(body, media_type="application/json")) as url:
        async with calling(url) as client:
            answer = await client.ask(OURS, a_body(), DEADLINE)
    assert (answer.text if isinstance(answer, ModelAnswer) else answer.reason) == expected


async def test_a_server_that_hangs_is_given_up_at_the_deadline(
    emulator: str, model: ResponsesClient
) -> None:
    await fault(emulator, "hang", seconds=2)
    async with asyncio.timeout(1):
        assert await model.ask(OURS, a_body(), 0.2) == ModelFailure("deadline", "deadline")


async def test_no_server_is_a_failure() -> None:
    nobody = ModelFailure("connection", "transient")
    async with calling("http://127.0.0.1:9/v1") as unreachable:
        assert await unreachable.ask(OURS, a_body(), DEADLINE) == nobody


@pytest.mark.parametrize(
    ("body", "calls"),
    [
        ({"model": "gpt-4.1-nano"}, 2),
        ({"model": "gpt-6-astra", "reasoning": {"effort": "none"}, "temperature": 0.3}, 3),
        ({"model": "gpt-4.1", "reasoning": {"effort": "none"}}, 2),
    ],
)
async def test_what_the_model_refuses_is_left_out_and_remembered(
    emulator: str, model: ResponsesClient, body: dict[str, Any], calls: int
) -> None:
    gateway = ModelGateway(model, SystemClock(), DEADLINE)
    for further in (0, 1):
        answer = await gateway.ask(OURS, lambda turns: a_body() | body, [])
        assert isinstance(answer, ModelAnswer)
        assert len((await journal(emulator))["requests"]) == calls + further


async def test_a_redirect_is_not_followed(emulator: str) -> None:
    elsewhere = RedirectResponse(f"{emulator}/v1/responses", 307)
    with serve(elsewhere) as url:
        async with calling(f"{url}/v1") as client:
            assert await client.ask(OURS, a_body(), DEADLINE) == ModelFailure("http_307")
    assert (await journal(emulator))["requests"] == []


async def test_many_calls_at_once_share_the_connections(model: ResponsesClient) -> None:
    answers = await asyncio.gather(
        *(model.ask(ModelServer(KEYS[n % 2]), a_body(), DEADLINE) for n in range(100))
    )
    assert all(isinstance(answer, ModelAnswer) for answer in answers)
