"""Downloads of contacts' files: their address from the Graph API, then the bytes, with the token.

An address lives 5 minutes, so a download that failed begins with a new one. The token goes to the
Graph API's own host and to Meta's file server only, and no redirect is followed.
https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from common.lenient_json import integer_at, parse_json, text_at

T = TypeVar("T")
FILE_SERVER = ("https", "lookaside.fbsbx.com", None)
CONNECTIONS = 50
CONNECT_SECONDS, LOOK_UP_SECONDS, DOWNLOAD_SECONDS = 5.0, 10.0, 20.0
LONGEST_ADDRESS = 64 << 10  # bytes of Graph's answer
LONGEST_URL = 4096
PASSING = frozenset({408, 429})  # and all from 500
GONE = frozenset({404, 410})  # an address that is over: a new one may help


@dataclass(frozen=True, slots=True)
class WhatsAppNumber:
    """The number that was written to, and the token that may read its files."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """size: bytes, as Graph says; None where it does not."""

    media_id: str
    url: str
    size: int | None


@dataclass(frozen=True, slots=True)
class MediaFailure:
    """reason: such as http_400:100, connection, too_large. may_pass: a second try may help."""

    reason: str
    may_pass: bool = False


class MediaClient:
    """A Component. Each call carries the token of its number. Never raises for what Meta does."""

    def __init__(self, graph_url: str) -> None:
        self._graph_url = graph_url.rstrip("/")
        self._hosts = {host_of(httpx.URL(graph_url)), FILE_SERVER}

    async def start(self) -> None:
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._http = httpx.AsyncClient(
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=15.0),
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            cookies=no_cookies,
            # What is counted while it is read must not grow afterwards.
            headers={"Accept-Encoding": "identity"},
        )

    async def stop(self) -> None:
        await self._http.aclose()

    async def look_up(self, number: WhatsAppNumber, media_id: str) -> MediaAddress | MediaFailure:
        """Two tries."""
        return await twice(lambda: self._look_up(number, media_id))

    async def download(
        self, number: WhatsAppNumber, address: MediaAddress, at_most: int
    ) -> bytes | MediaFailure:
        """at_most: bytes. Two tries, the second at a new address."""
        content = await self._download(number, address.url, at_most)
        if not isinstance(content, MediaFailure) or not content.may_pass:
            return content
        renewed = await self._look_up(number, address.media_id)
        if isinstance(renewed, MediaFailure):
            return renewed
        return await self._download(number, renewed.url, at_most)

    async def _look_up(self, number: WhatsAppNumber, media_id: str) -> MediaAddress | MediaFailure:
        path = f"{self._graph_url}/{quote(media_id, safe='')}"
        url = httpx.URL(path, params={"phone_number_id": number.id})
        body = await self._get(url, number.token, LONGEST_ADDRESS, LOOK_UP_SECONDS)
        return body if isinstance(body, MediaFailure) else read_address(media_id, body)

    async def _download(
        self, number: WhatsAppNumber, url: str, at_most: int
    ) -> bytes | MediaFailure:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL:
            return MediaFailure("invalid_url")
        if host_of(address) not in self._hosts or address.userinfo:
            return MediaFailure("foreign_host")
        return await self._get(address, number.token, at_most, DOWNLOAD_SECONDS)

    async def _get(
        self, url: httpx.URL, token: str, at_most: int, seconds: float
    ) -> bytes | MediaFailure:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.stream("GET", url, headers=headers) as response,
            ):
                return await read(response, at_most)
        except TimeoutError:
            return MediaFailure("deadline", may_pass=True)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return MediaFailure("connection", may_pass=True)


async def twice(
    ask: Callable[[], Coroutine[Any, Any, T | MediaFailure]],
) -> T | MediaFailure:
    answer = await ask()
    if isinstance(answer, MediaFailure) and answer.may_pass:
        return await ask()
    return answer


async def read(response: httpx.Response, at_most: int) -> bytes | MediaFailure:
    """The body of an answer that is the file, or Graph's JSON."""
    content = await bounded(response, LONGEST_ADDRESS if response.status_code != 200 else at_most)
    if response.status_code != 200:
        return refusal(response.status_code, content)
    if content is None:
        return MediaFailure("too_large")
    if response.headers.get("content-type", "").startswith("text/html"):
        return MediaFailure("html", may_pass=True)
    return content


async def bounded(response: httpx.Response, at_most: int) -> bytes | None:
    """None for more than so many bytes; the rest is not read."""
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > at_most:
            return None
    return bytes(content)


def refusal(status: int, body: bytes | None) -> MediaFailure:
    code = integer_at(parse_json(body or b""), "error", "code")
    reason = f"http_{status}:{code}" if code is not None else f"http_{status}"
    return MediaFailure(reason, may_pass=status >= 500 or status in PASSING | GONE)


def read_address(media_id: str, body: bytes) -> MediaAddress | MediaFailure:
    answer = parse_json(body)
    url = text_at(answer, "url", longest=LONGEST_URL)
    if url is None:
        return MediaFailure("unreadable", may_pass=True)
    return MediaAddress(media_id, url, integer_at(answer, "file_size"))


def host_of(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
