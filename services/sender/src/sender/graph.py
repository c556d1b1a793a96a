"""The Graph API over aiohttp: one request is one attempt, with a total deadline and no retry.

Only a failed connect, name lookup, handshake or wait for a free connection proves that nothing was
sent. Whatever happens later is ambiguous: Meta knows no idempotency key.
"""

import json
from typing import NamedTuple

import aiohttp
from pydantic import HttpUrl

from common.service import metrics
from sender.classify import Accepted, Ambiguous, NotSent, Refused, Verdict, classify
from sender.payloads import Json

DEADLINE = 10.0
CONNECT = 5.0
LONGEST_ANSWER = 64 << 10


class Answer(NamedTuple):
    """What `classify` takes."""

    status: int
    body: bytes
    retry_after: str | None


class Graph:
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

    async def send(self, phone_number_id: str, token: str, message: Json) -> Verdict:
        with metrics.GRAPH_SECONDS.time():
            answer = await self._post(phone_number_id, token, message)
        verdict = classify(*answer) if isinstance(answer, Answer) else answer
        metrics.GRAPH_CALLS.labels("send", result_of(verdict)).inc()
        return verdict

    async def mark(self, phone_number_id: str, token: str, mark: Json) -> bool:
        """Best effort: whether Meta took it."""
        answer = await self._post(phone_number_id, token, mark)
        taken = isinstance(answer, Answer) and answer.status == 200
        metrics.GRAPH_CALLS.labels("mark", "accepted" if taken else "failed").inc()
        return taken

    async def _post(
        self, phone_number_id: str, token: str, body: Json
    ) -> Answer | NotSent | Ambiguous:
        try:
            async with self._session.post(
                f"{self._url}/{phone_number_id}/messages",
                data=json.dumps(body, ensure_ascii=False).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                said = await read(response)
                return Answer(response.status, said, response.headers.get("Retry-After"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(type(error).__name__)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Ambiguous(type(error).__name__)


async def read(response: aiohttp.ClientResponse) -> bytes:
    """The whole answer, or its first 64 KiB: then it is no answer of Graph's."""
    answer = b""
    async for piece in response.content.iter_any():
        answer += piece
        if len(answer) > LONGEST_ANSWER:
            return answer[:LONGEST_ANSWER]
    return answer


def result_of(verdict: Verdict) -> str:
    match verdict:
        case Accepted():
            return "accepted"
        case Refused(code=code):
            return str(code)
        case NotSent():
            return "not_sent"
        case Ambiguous():
            return "ambiguous"
