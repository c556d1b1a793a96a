"""A body has its time; the connection's own limits are tested in common/test_guarded_http.py."""

import asyncio
from contextlib import suppress
from time import monotonic

from tests.support.components import FakeProducer
from tests.support.ingress import an_ingress, signature

from common.service.web_server import WebServer
from ingress.receive import BodyLimits

HEAD = b"POST /webhook HTTP/1.1\r\nHost: a\r\n"


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
