"""POST of JSON over aiohttp: one attempt, a total deadline, no redirect, a bounded answer.

aiohttp never repeats a POST by itself. Only a failed connect (a proxy's too), name lookup,
handshake or wait for a free connection proves that nothing was sent; whatever is raised later is
ambiguous.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import orjson
from yarl import URL

from common.lenient_json import parse_json
from common.service.proxies import Proxies

CONNECT_SECONDS = 5.0
# A peer that closes an idle connection at the very instant of a POST loses it, and nobody knows
# whether it was read. Of 120 POSTs at that instant 14 were lost, and none where this time was
# shorter than the peer's. Common servers and proxies close after 5 s (uvicorn) or later.
KEEP_ALIVE_SECONDS = 4.0

# What proves that no byte of a request left.
NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)
# Every way in which an attempt can fail; TimeoutError is the total deadline.
FAILED = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """`body` is None when it was longer than the client reads."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    def json(self) -> object:
        """None for what is not JSON."""
        value: object = parse_json(self.body or b"")
        return value


class JsonHttpClient:
    """A Component: one pool of connections. Each call carries its own bearer token."""

    def __init__(
        self, connections: int, longest_answer: int, keep_alive: float = KEEP_ALIVE_SECONDS
    ) -> None:
        """longest_answer: bytes of a body that are read at most. keep_alive: for how many seconds a
        connection may lie idle and still be used."""
        self._connections = connections
        self._keep_alive = keep_alive
        self._longest_answer = longest_answer

    async def start(self) -> None:
        self._proxies = Proxies()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections, keepalive_timeout=self._keep_alive
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        await self._session.close()

    async def post(self, url: str, token: str, body: object, timeout: "Timeout") -> HttpAnswer:
        """Raises one of FAILED; one of NOT_SENT when nothing can have left."""
        proxy = self._proxies.of(url)
        async with self._session.post(
            url,
            data=orjson.dumps(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=timeout,
            proxy=proxy,
            proxy_auth=aiohttp.BasicAuth.from_url(URL(proxy)) if proxy else None,
            # A redirect would carry customers' words to a host that is not configured.
            allow_redirects=False,
        ) as response:
            return HttpAnswer(response.status, response.headers, await self._read(response))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._longest_answer:
                return None
        return bytes(body)


Timeout = aiohttp.ClientTimeout


def timeout(total: float, *, waiting_for_connection: bool = True) -> Timeout:
    """`total` seconds for the whole attempt, 5 at most to connect.

    waiting_for_connection: whether those 5 include the wait for a free connection of the pool.
    """
    connect = min(CONNECT_SECONDS, total)
    pool = connect if waiting_for_connection else None
    return Timeout(total=total, connect=pool, sock_connect=connect)
