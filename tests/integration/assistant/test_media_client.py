"""Downloads against a raw server: whatever it sends, an answer in bounded time and memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from tests.support.whatsapp_emulator import GARAGE, TOKEN, Running, running

from assistant.whatsapp.media_client import (
    MediaAddress,
    MediaClient,
    MediaFailure,
    WhatsAppNumber,
)

pytestmark = pytest.mark.integration
NUMBER = WhatsAppNumber("100", "token-of-100")
AT_MOST = 1000
Writer = asyncio.StreamWriter
Answer = bytes | Callable[[Writer], Awaitable[None]]


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


FILE = http("200 OK", b"the file", "Content-Type: image/jpeg", "Set-Cookie: who=me")
BUSY, GONE = http("503 Busy", b""), http("404 Not Found", b"")
HTML = http("200 OK", b"<html>sorry</html>", "Content-Type: text/html; charset=utf-8")
MOVED = http("302 Found", b"", "Location: http://127.0.0.1:1/elsewhere")
LARGE = http("200 OK", bytes(AT_MOST + 1), "Content-Type: image/jpeg")
DENIED = http("401 Unauthorized", b'{"error":{"code":190,"message":"expired"}}')

UNREADABLE = MediaFailure("unreadable", may_pass=True)


async def endless(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n")
    while not writer.is_closing():
        writer.write(bytes(100_000))
        await writer.drain()


async def cut(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


@dataclass
class Meta:
    """Looks up and downloads as scripted, the last answer again and again."""

    look_ups: list[Answer] = field(default_factory=list)
    downloads: list[Answer] = field(default_factory=lambda: [FILE])
    url: str = "{graph}/file"
    requests: list[str] = field(default_factory=list)
    graph: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        is_download = request.startswith("GET /file")
        answer = next_of(self.downloads) if is_download else self.look_up()
        try:
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    def look_up(self) -> Answer:
        if self.look_ups:
            return next_of(self.look_ups)
        found = {"url": self.url.format(graph=self.graph), "file_size": 8, "id": "5"}
        return http("200 OK", orjson.dumps(found), "Content-Type: application/json")


def next_of(answers: list[Answer]) -> Answer:
    return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def connected(meta: Meta) -> AsyncIterator[MediaClient]:
    server = await asyncio.start_server(meta.serve, "127.0.0.1", 0)
    meta.graph = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = MediaClient(f"{meta.graph}/v26.0")
    await client.start()
    try:
        yield client
    finally:
        await client.stop()
        server.close()


async def fetched(meta: Meta) -> bytes | MediaFailure:
    async with connected(meta) as client:
        address = await client.look_up(NUMBER, "5")
        if isinstance(address, MediaFailure):
            return address
        return await client.download(NUMBER, address, AT_MOST)


async def test_a_file_is_looked_up_and_downloaded_with_the_token() -> None:
    meta = Meta()
    assert await fetched(meta) == b"the file"
    look_up, download = meta.requests
    assert look_up.startswith("GET /v26.0/5?phone_number_id=100 ")
    for request in (look_up, download):
        assert "Authorization: Bearer token-of-100" in request
        assert "Accept-Encoding: identity" in request
        assert "cookie:" not in request.lower()


async def test_no_cookie_goes_from_one_client_to_another() -> None:
    meta = Meta()
    async with connected(meta) as client:
        for _ in range(2):
            await client.download(NUMBER, MediaAddress("5", f"{meta.graph}/file", 8), AT_MOST)
    assert "cookie:" not in meta.requests[-1].lower()


@pytest.mark.parametrize(
    ("meta", "result", "requests"),
    [
        (Meta(downloads=[BUSY, FILE]), b"the file", 4),
        (Meta(downloads=[GONE, FILE]), b"the file", 4),
        (Meta(downloads=[HTML, FILE]), b"the file", 4),
        (Meta(downloads=[cut, FILE]), b"the file", 4),
        (Meta(look_ups=[BUSY]), MediaFailure("http_503", may_pass=True), 2),
        (Meta(downloads=[GONE]), MediaFailure("http_404", may_pass=True), 4),
        (Meta(downloads=[HTML]), MediaFailure("html", may_pass=True), 4),
        (Meta(downloads=[MOVED]), MediaFailure("http_302"), 2),
        (Meta(downloads=[LARGE]), MediaFailure("too_large"), 2),
        (Meta(downloads=[endless]), MediaFailure("too_large"), 2),
        (Meta(look_ups=[DENIED]), MediaFailure("http_401:190"), 1),
        (Meta(look_ups=[HTML]), MediaFailure("html", may_pass=True), 2),
        (Meta(look_ups=[http("200 OK", b"[" * 50_000)]), UNREADABLE, 2),
        (Meta(look_ups=[http("200 OK", b'{"url":7}')]), UNREADABLE, 2),
        (Meta(url="https://evil.test/file"), MediaFailure("foreign_host"), 1),
        (Meta(url="http://lookaside.fbsbx.com/file"), MediaFailure("foreign_host"), 1),
        (Meta(url="https://lookaside.fbsbx.com.evil.test/x"), MediaFailure("foreign_host"), 1),
        (Meta(url="http://127.0.0.1:1/file"), MediaFailure("foreign_host"), 1),
        (Meta(url="file:///etc/passwd"), MediaFailure("foreign_host"), 1),
        (Meta(url="https://lookaside.fbsbx.com@evil.test/x"), MediaFailure("foreign_host"), 1),
        (Meta(url="https://me@lookaside.fbsbx.com/x"), MediaFailure("foreign_host"), 1),
        (Meta(url="http://a:b:c/file"), MediaFailure("invalid_url"), 1),
    ],
)
async def test_whatever_meta_sends(meta: Meta, result: bytes | MediaFailure, requests: int) -> None:
    assert await fetched(meta) == result
    assert len(meta.requests) == requests


async def test_nobody_answers() -> None:
    client = MediaClient("http://127.0.0.1:1/v26.0")
    await client.start()
    failure = await client.look_up(NUMBER, "5")
    await client.stop()
    assert failure == MediaFailure("connection", may_pass=True)


@pytest.mark.parametrize(
    ("action", "result"),
    [
        (None, b"\xff\xd8\xff photo"),
        ({"status": 404}, b"\xff\xd8\xff photo"),
        ({"redirect": "https://elsewhere.test/x"}, MediaFailure("http_302")),
        ({"size": 2000}, MediaFailure("too_large")),
        ({"error": 131052}, MediaFailure("http_400:131052")),
    ],
)
async def test_the_strict_emulator(action: dict[str, Any] | None, result: Any) -> None:
    with running() as emulator:
        media_id = await asyncio.to_thread(sent_photo, emulator, action)
        client = MediaClient(emulator.graph)
        await client.start()
        number = WhatsAppNumber(GARAGE.phone_number_id, TOKEN)
        address = await client.look_up(number, media_id)
        assert isinstance(address, MediaAddress)
        assert address.size == 9
        assert await client.download(number, address, AT_MOST) == result
        await client.stop()


def sent_photo(emulator: Running, action: dict[str, Any] | None) -> str:
    kept = emulator.http.post(
        f"{emulator.url}/control/media",
        content=b"\xff\xd8\xff photo",
        headers={"content-type": "image/jpeg"},
    ).json()
    emulator.write(kind="image", id=kept["id"], text="")
    if action:
        emulator.control("faults", phase="download", action=action)
    return str(kept["id"])
