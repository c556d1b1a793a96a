"""Connections that cost nothing to open must not stay, nor take memory, nor keep others out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic

import pytest
from starlette.types import Receive, Scope, Send
from tests.support.waiting import eventually_async

from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Lifecycle
from common.service.web_server import WebServer

HEAD = b"POST /read HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /read HTTP/1.1\r\nHost: a\r\n"
REFUSED = b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 9437184\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LINE = b"X-A: " + b"b" * 1000 + b"\r\n"
QUICK = ConnectionLimits(
    connections=20, head_seconds=0.3, body_seconds=0.3, discard_seconds=0.3, write_seconds=0.3
)
IDLE_SECONDS = 1
PATIENT = ConnectionLimits(connections=20, head_seconds=60, body_seconds=60, discard_seconds=60)


class App:
    """/read answers with the number of the body's bytes, /refuse at once, /wait when it is told,
    /large with much."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.headers: list[list[bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/refuse":
            await answer(send, 401, b"")
            return
        if scope["path"] == "/wait":
            await self.go_on.wait()
        if scope["path"] == "/large":
            await answer(send, 200, b"x" * (32 << 20))
            return
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        self.headers.append([name for name, _ in scope["headers"]])
        await answer(send, 200, str(size).encode())


async def answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(limits: ConnectionLimits, app: App | None = None) -> AsyncIterator[WebServer]:
    life, idle = Lifecycle("tests"), IDLE_SECONDS if limits is QUICK else 60
    server = WebServer(app or App(), "127.0.0.1", 0, limits, life, timeout_keep_alive=idle)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Client:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def status(self) -> int:
        """Of the next answer; 0 when the connection ends instead."""
        try:
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        return int(head.split()[1])

    async def rest(self) -> bytes:
        """All that comes until the end."""
        received = b""
        with suppress(ConnectionError):
            while chunk := await asyncio.wait_for(self.reader.read(65_536), 20):
                received += chunk
        return received


@asynccontextmanager
async def connected(server: WebServer) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def sent_until_closed(server: WebServer, first: bytes, drop: bytes, most: int) -> int:
    """How many bytes it takes before it closes."""
    async with connected(server) as client:
        sent = len(first)
        ended = asyncio.create_task(client.reader.read())
        with suppress(ConnectionError):
            await client.send(first)
            while sent < most and not ended.done():
                await client.send(drop)
                sent += len(drop)
                await asyncio.sleep(0)
        ended.cancel()
        with suppress(ConnectionError, asyncio.CancelledError):
            await ended
    return sent


async def trickled(server: WebServer, first: bytes, drop: bytes) -> tuple[bytes, float]:
    """Sends `drop` every 20 ms until the server closes; its answer, and the seconds it took."""
    async with connected(server) as client:
        began = monotonic()
        client.writer.write(first)
        reading = asyncio.create_task(client.rest())
        while not reading.done() and monotonic() - began < 15:
            client.writer.write(drop)
            await asyncio.wait({reading}, timeout=0.02)
        return await reading, monotonic() - began


@pytest.mark.parametrize(
    ("first", "drop", "status"),
    [
        (b"", b"", b""),
        (b"", b"\r\n", b"408"),
        (HEAD, b"X-A: b\r\n", b"408"),
        (GET + b"\r\n", b"", b"200"),
        (GET + b"\r\n", b"\r\n", b"200"),
        (GET + b"\r\n" + HEAD[:9], b"", b"200"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"", b"408"),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x", b"408"),
        (CHUNKED, b"1\r\nx\r\n", b"408"),
        (CHUNKED + b"0\r\n", b"X-A: b\r\n", b"408"),
        (CHUNKED + b"1;", b"a", b"408"),
        (REFUSED, b"x", b"401"),
        (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"", b"200"),
    ],
    ids=[
        "silent",
        "blank lines",
        "a head without end",
        "idle after an answer",
        "blank lines after an answer",
        "half a head behind an answer",
        "no body",
        "a trickled body",
        "trickled chunks",
        "trickled trailers",
        "a trickled chunk extension",
        "a body after its refusal",
        "an upgrade",
    ],
)
async def test_a_connection_that_is_slow_ends_in_time(
    first: bytes, drop: bytes, status: bytes
) -> None:
    async with served(QUICK) as server:
        received, seconds = await trickled(server, first, drop)
    assert received.split(b" ")[1:2] == ([status] if status else [])
    assert seconds < 14


async def test_a_client_that_takes_no_answer_is_let_go() -> None:
    async with served(QUICK) as server, connected(server) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await eventually_async(lambda: connections(server) == 1)
        await eventually_async(lambda: connections(server) == 0)


def connections(server: WebServer) -> int:
    return len(server._server.server_state.connections)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (HEAD, LINE),
        (b"POST /", b"a" * 1000),
        (HEAD + b"X-A: ", b"a" * 1000),
        (HEAD, b"a:\r\n" * 50),
        (b"", b"\r\n" * 500),
        (CHUNKED + b"1\r\nx\r\n0\r\n", LINE),
        (CHUNKED + b"1;", b"a" * 1000),
        (CHUNKED, b"1;" + b"a" * 1000 + b"\r\nx\r\n"),
    ],
    ids=[
        "headers",
        "request line",
        "one header",
        "many headers",
        "blank lines",
        "trailers",
        "a chunk extension",
        "chunk extensions",
    ],
)
async def test_what_is_no_body_has_64_kib(first: bytes, drop: bytes) -> None:
    async with served(PATIENT) as server, connected(server) as client:
        await client.send(first)
        reading = asyncio.create_task(client.rest())
        for _ in range(128):
            if not reading.done():
                await client.send(drop)
        received = await reading
        assert received.count(b"HTTP/1.1 431 ") == 1


async def test_a_later_head_of_a_connection_has_64_kib_too() -> None:
    async with served(PATIENT) as server, connected(server) as client:
        await client.send(GET + LINE * 40 + b"\r\n")
        assert await client.status() == 200
        await client.send(HEAD + LINE * 40)
        await client.send(LINE * 40)
        assert b"HTTP/1.1 431 " in await client.rest()


async def test_what_goes_on_after_a_refusal_is_discarded_and_then_cut() -> None:
    limits = ConnectionLimits(connections=20, discard_bytes=1 << 20, discard_seconds=60)
    async with served(limits) as server:
        sent = await sent_until_closed(server, HEAD, LINE * 16, 64 << 20)
    assert sent < 32 << 20  # the sockets' own buffers too


async def test_heads_within_the_limits_are_taken() -> None:
    head = GET + LINE * 60 + b"\r\n"
    async with served(PATIENT) as server, connected(server) as client:
        for _ in range(3):
            await client.send(head)
            assert await client.status() == 200
            assert await client.reader.readexactly(1) == b"0"


@pytest.mark.parametrize("size", [1, 100, 70_000])
async def test_a_body_in_small_chunks_is_taken(size: int) -> None:
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"
    count = 400_000 // size
    async with served(PATIENT) as server, connected(server) as client:
        await client.send(CHUNKED + chunk * count + b"0\r\n\r\n")
        assert await client.status() == 200
        assert (await client.reader.read(10)).decode() == str(size * count)


async def test_a_trailer_is_no_header() -> None:
    app = App()
    async with served(PATIENT, app) as server, connected(server) as client:
        await client.send(CHUNKED + b"0\r\nX-Hub-Signature-256: a\r\n\r\n")
        assert await client.status() == 200
    assert app.headers == [[b"host", b"transfer-encoding"]]


async def test_while_heads_take_much_memory_only_small_ones_are_taken() -> None:
    limits = ConnectionLimits(connections=50, all_heads_bytes=200_000)
    async with served(limits) as server, AsyncExitStack() as stack:
        large = [await stack.enter_async_context(connected(server)) for _ in range(10)]
        for client in large:
            await client.send(HEAD + LINE * 40)
        async with connected(server) as client:
            await client.send(GET + LINE * 7 + b"\r\n")
            assert await client.status() == 200
        cut = [asyncio.create_task(client.status()) for client in large]
        done, open_still = await asyncio.wait(cut, return_when=asyncio.FIRST_COMPLETED)
        assert {one.result() for one in done} == {431}
        for one in open_still:
            one.cancel()


async def test_what_is_sent_before_an_answer_is_not_read_and_the_answer_is_the_last() -> None:
    app = App()
    async with served(PATIENT, app) as server, connected(server) as client:
        await client.send(GET.replace(b"/read", b"/wait") + b"\r\n" + GET + LINE)
        app.go_on.set()
        received = await client.rest()
    assert received.count(b"HTTP/1.1 200 ") == 1
    assert b"connection: close" in received
    assert len(app.headers) == 1


@pytest.mark.parametrize("sent_more", [0, 300_000, 9 << 20])
async def test_a_client_reads_its_refusal_and_not_a_reset(sent_more: int) -> None:
    """A body of 9 MiB that is not read, and a head that is too large."""
    async with served(PATIENT) as server:
        for first, status in ((REFUSED, 401), (HEAD + LINE * 100, 431), (b"nonsense\r\n", 400)):
            async with connected(server) as client:
                await client.send(first)
                for _ in range(0, sent_more, 65_536):
                    await client.send(b"x" * 65_536)
                assert await client.status() == status


async def test_what_was_answered_is_not_answered_again() -> None:
    """Trailers without end behind a body that was refused."""
    chunked = b"POST /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with served(PATIENT) as server, connected(server) as client:
        await client.send(chunked)
        assert await client.status() == 401
        await client.send(b"0\r\n" + LINE * 100)
        assert await client.rest() == b""


async def test_a_connection_goes_on_after_a_body_that_was_not_read() -> None:
    async with served(PATIENT) as server, connected(server) as client:
        await client.send(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n")
        assert await client.status() == 401
        await client.send(b"x" * 500_000 + GET + b"\r\n")
        assert await client.status() == 200


async def test_half_sent_heads_keep_nobody_out_and_end() -> None:
    limits = ConnectionLimits(connections=20, head_seconds=3, discard_seconds=0.5)
    async with served(limits) as server, AsyncExitStack() as stack:
        for _ in range(50):
            client = await stack.enter_async_context(connected(server))
            await client.send(HEAD)
        async with connected(server) as client:
            await client.send(GET + b"\r\n")
            assert await client.status() == 200
        assert connections(server) <= 20
        await eventually_async(lambda: connections(server) == 0)


async def test_one_connection_too_many_is_503_while_all_others_are_served() -> None:
    app = App()
    async with served(PATIENT, app) as server, AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(connected(server)) for _ in range(20)]
        for client in busy:
            await client.send(GET.replace(b"/read", b"/wait") + b"\r\n")
        await eventually_async(lambda: len(server._server.server_state.tasks) == 20)
        async with connected(server) as client:
            await client.send(GET + b"\r\n")
            assert await client.status() == 503
        app.go_on.set()
        assert [await client.status() for client in busy] == [200] * 20
        async with connected(server) as client:
            await client.send(GET + b"\r\n")
            assert await client.status() == 200


async def test_a_slow_body_that_keeps_coming_is_taken() -> None:
    limits = ConnectionLimits(connections=20, body_seconds=0.3, body_rate=100)
    async with served(limits) as server, connected(server) as client:
        await client.send(HEAD + b"Content-Length: 60000\r\n\r\n" + b"x" * 59_940)
        for _ in range(60):
            await asyncio.sleep(0.01)  # twice what a silent body has
            await client.send(b"x")
        assert await client.status() == 200
