"""Whatever a model server does, a turn gets an answer or a failure of the right kind, in time."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.support.waiting import SECONDS

from assistant.openai.client import ResponsesClient
from assistant.openai.gateway import ModelGateway
from assistant.openai.model_server import ModelServer
from assistant.openai.response import ModelAnswer, ModelFailure
from assistant.openai.sdk_client import LONGEST_BODY, SdkClient
from common.service.clock import SystemClock

pytestmark = pytest.mark.integration

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]
BODY: dict[str, Any] = {"model": "m", "input": [], "max_output_tokens": 16}
SERVER = ModelServer("key")
DEADLINE = 1.0  # seconds of a call
MESSAGE = b'{"output": [{"type": "message", "content": [%s]}], "status": "%s"%s}'
TEXT = b'{"type": "output_text", "text": "%s"}'
REFUSAL = b'{"type": "refusal", "refusal": "No."}'
CUT = b', "incomplete_details": {"reason": "max_output_tokens"}'
REASONED = b'{"output": [{"type": "reasoning"}], "status": "incomplete"%s}' % CUT


def says(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *headers,
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


def error(code: str) -> bytes:
    return b'{"error": {"code": "%s"}}' % code.encode()


def drips(chunk: bytes, pause: float) -> Script:
    """Never ends."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(pause)

    return answer


async def is_cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"output": [')


async def speaks_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x01 nonsense\r\n\r\n")


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def model_server(script: Script) -> AsyncIterator[ModelGateway]:
    """A gateway whose every call gets the script's answer on a connection of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server, sdk = await asyncio.start_server(handle, "127.0.0.1", 0), SdkClient(5)
    await sdk.start()
    port = server.sockets[0].getsockname()[1]
    client = ResponsesClient(f"http://127.0.0.1:{port}/v1", sdk)
    yield ModelGateway(client, SystemClock(), DEADLINE)
    await sdk.stop()
    server.close()


@pytest.mark.parametrize(
    ("script", "reason", "kind"),
    [
        (says(b"<html>Welcome</html>"), "unreadable", "transient"),
        (says(b"{}"), "unreadable", "transient"),
        (says(b'{"output": ['), "unreadable", "transient"),
        (says(b"[" * 100_000), "unreadable", "transient"),
        (says(b'{"status": "failed"}'), "failed:unknown", "final"),
        (says(MESSAGE % (REFUSAL, b"completed", b"")), "refusal", "final"),
        (says(REASONED), "incomplete:max_output_tokens", "final"),
        (says(MESSAGE % (b"", b"in_progress", b"")), "status:in_progress", "final"),
        (says(b"x" * (10 << 20)), "too_long", "final"),
        (says(b"x" * (10 << 20), "500 Oh"), "too_long", "final"),
        (
            says(gzip.compress(bytes(64 << 20)), "200 OK", "Content-Encoding: gzip"),
            "too_long",
            "final",
        ),
        (says(b"no gzip", "200 OK", "Content-Encoding: gzip"), "connection", "transient"),
        (drips(b"x" * 65_536, 0.0), "too_long", "final"),
        (drips(b"x", 0.02), "deadline", "deadline"),
        (drips(b"", 0.02), "deadline", "deadline"),
        (is_cut, "connection", "transient"),
        (speaks_nonsense, "connection", "transient"),
        (hangs_up, "connection", "transient"),
        (says(error("invalid_api_key"), "401 No"), "http_401:invalid_api_key", "account"),
        (says(error("insufficient_quota"), "429 No"), "billing:insufficient_quota", "account"),
        (
            says(error("rate_limit_exceeded"), "429 No"),
            "http_429:rate_limit_exceeded",
            "rate_limit",
        ),
        (says(b"<html>", "502 Bad Gateway"), "http_502", "transient"),
        (says(b"", "307 Elsewhere", "Location: http://127.0.0.1:9/"), "http_307", "final"),
    ],
)
async def test_what_is_no_answer_is_a_failure_of_its_kind_in_time(
    script: Script, reason: str, kind: str
) -> None:
    async with asyncio.timeout(SECONDS), model_server(script) as gateway:
        failure = await gateway.ask(SERVER, lambda turns: BODY, [])
    assert isinstance(failure, ModelFailure)
    assert (failure.reason, failure.kind) == (reason, kind)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (MESSAGE % (TEXT % rb"Hola \ud83d", b"completed", b""), "Hola \ufffd"),
        (MESSAGE % (TEXT % b"Hola. Abrimos a l", b"incomplete", CUT), "Hola."),
        (MESSAGE % (TEXT % b"Hola", b"completed", b', "usage": "none"'), "Hola"),
    ],
)
async def test_an_odd_answer_is_an_answer(body: bytes, text: str) -> None:
    async with asyncio.timeout(SECONDS), model_server(says(body)) as gateway:
        answer = await gateway.ask(SERVER, lambda turns: BODY, [])
    assert isinstance(answer, ModelAnswer)
    assert answer.text == text


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"conserje_model_{name}_total", labels) or 0.0


async def test_a_burst_of_500_opens_the_circuit_and_shows_in_the_metrics() -> None:
    calls, stopped = count("calls", result="http_500"), count("calls", result="breaker_open")
    opened = count("circuits_opened", cause="server")
    async with asyncio.timeout(SECONDS), model_server(says(b"{}", "500 Oh")) as gateway:
        for _ in range(50):
            await gateway.ask(SERVER, lambda turns: BODY, [])
    assert count("calls", result="http_500") - calls == 10
    assert count("calls", result="breaker_open") - stopped == 40
    assert count("circuits_opened", cause="server") - opened == 1


@pytest.mark.parametrize("size", [LONGEST_BODY - 200, LONGEST_BODY + 200])
async def test_a_body_is_read_up_to_its_limit(size: int) -> None:
    body = MESSAGE % (TEXT % b"Hola.", b"completed", b"")
    async with asyncio.timeout(SECONDS), model_server(says(body.ljust(size))) as gateway:
        answer = await gateway.ask(SERVER, lambda turns: BODY, [])
    is_answer = isinstance(answer, ModelAnswer)
    assert is_answer == (size <= LONGEST_BODY)
