"""Connections that cost nothing to open must not be able to stay."""

import asyncio
from contextlib import suppress
from time import monotonic

import pytest
from tests.support.components import FakeProducer
from tests.support.ingress import an_ingress, signature

from common.service.web_server import WebServer
from ingress.receive import BodyLimits
from ingress.slow_client_guard import GuardedProtocol

HEAD = b"POST /webhook HTTP/1.1\r\nHost: a\r\n"


class Impatient(GuardedProtocol):
    head_seconds = 0.3


async def trickle(server: WebServer, first: bytes, drop: bytes) -> tuple[bytes, float]:
    """Sends `drop` every 20 ms until the server closes; its answer, and the seconds it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began = monotonic()
    writer.write(first)
    reading = asyncio.create_task(read_to_end(reader))
    while not reading.done() and monotonic() - began < 5:
        writer.write(drop)
        await asyncio.wait({reading}, timeout=0.02)
    writer.close()
    return await reading, monotonic() - began


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    """All that came: a reset after the answer, because we went on sending, does not hide it."""
    received = b""
    with suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            received += chunk
    return received


async def test_a_trickled_body_is_408_and_the_connection_ends() -> None:
    signed = f"X-Hub-Signature-256: {signature(b'')['X-Hub-Signature-256']}\r\n".encode()
    head = HEAD + signed + b"Content-Length: 1000000\r\n\r\n"
    producer = FakeProducer()
    async with an_ingress(producer, BodyLimits(receive_seconds=0.3)) as server:
        answer, seconds = await trickle(server, head, b"x")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert seconds < 2
    assert producer.records == []


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (HEAD, b"X-A: b\r\n"),
        (b"", b"\r\n"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x"),  # refused, and goes on sending
    ],
    ids=["silent", "endless headers", "blank lines", "body after the answer"],
)
async def test_a_connection_without_a_request_is_closed(first: bytes, drop: bytes) -> None:
    async with an_ingress(FakeProducer(), protocol=Impatient) as server:
        _, seconds = await trickle(server, first, drop)
    assert seconds < 2


async def test_a_head_without_end_is_cut_by_size() -> None:
    async with an_ingress(FakeProducer()) as server:
        _, seconds = await trickle(server, HEAD, b"X-A: " + b"b" * 30_000 + b"\r\n")
    assert seconds < 2


async def test_a_client_that_leaves_mid_body_publishes_nothing() -> None:
    producer = FakeProducer()
    async with an_ingress(producer) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        signed = f"X-Hub-Signature-256: {signature(b'x')['X-Hub-Signature-256']}\r\n".encode()
        writer.write(HEAD + signed + b"Content-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert producer.records == []
