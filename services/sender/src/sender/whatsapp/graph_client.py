"""The Graph API over aiohttp: one request is one attempt, with a total deadline and no retry.

Only a failed connect, name lookup, handshake or wait for a free connection proves that nothing was
sent. Any later failure is ambiguous: Meta has no idempotency key.
"""

import json
from typing import NamedTuple

import aiohttp
from pydantic import HttpUrl

from common.service import metrics
from sender.whatsapp.payloads import JsonObject
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult, classify

DEADLINE = 10.0
CONNECT = 5.0
MAX_BODY_BYTES = 64 << 10


class GraphAnswer(NamedTuple):
    """An HTTP answer, as `classify` takes it."""

    status: int
    body: bytes
    retry_after: str | None


class GraphClient:
    """A Component."""

    def __init__(self, url: HttpUrl, connections: int, deadline: float = DEADLINE) -> None:
        self._url, self._connections = str(url).rstrip("/"), connections
        self._timeout = aiohttp.ClientTimeout(
            total=deadline, connect=min(CONNECT, deadline), sock_connect=min(CONNECT, deadline)
        )

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        await self._session.close()

    async def send(self, phone_number_id: str, token: str, message: JsonObject) -> SendResult:
        with metrics.GRAPH_SECONDS.time():
            answer = await self._post(phone_number_id, token, message)
        result = classify(*answer) if isinstance(answer, GraphAnswer) else answer
        metrics.GRAPH_CALLS.labels("send", result_label(result)).inc()
        return result

    async def mark_read(self, phone_number_id: str, token: str, mark: JsonObject) -> bool:
        """Whether Meta accepted it; a failure is not retried."""
        answer = await self._post(phone_number_id, token, mark)
        taken = isinstance(answer, GraphAnswer) and answer.status == 200
        metrics.GRAPH_CALLS.labels("mark", "accepted" if taken else "failed").inc()
        return taken

    async def _post(
        self, phone_number_id: str, token: str, body: JsonObject
    ) -> GraphAnswer | NotSent | Ambiguous:
        try:
            async with self._session.post(
                f"{self._url}/{phone_number_id}/messages",
                data=json.dumps(body, ensure_ascii=False).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                answer = await read_body(response)
                return GraphAnswer(response.status, answer, response.headers.get("Retry-After"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(type(error).__name__)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Ambiguous(type(error).__name__)


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or its first 64 KiB: a longer one is not Graph's."""
    answer = b""
    async for piece in response.content.iter_any():
        answer += piece
        if len(answer) > MAX_BODY_BYTES:
            return answer[:MAX_BODY_BYTES]
    return answer


def result_label(result: SendResult) -> str:
    match result:
        case Accepted():
            return "accepted"
        case Refused(code=code):
            return str(code)
        case NotSent():
            return "not_sent"
        case Ambiguous():
            return "ambiguous"
