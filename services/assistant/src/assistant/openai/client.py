"""The Responses API over aiohttp: one try, one total deadline, no redirect.

A call is one POST of JSON with a key of its own. The openai SDK does the same for ten times the CPU
(1 ms a call, three quarters of a turn), and its retries sleep inside the call and repeat billing
errors too.
"""

from time import perf_counter
from typing import Any, Protocol

import aiohttp
import orjson

from assistant.openai.response import (
    FIRST_WAIT,
    ModelAnswer,
    ModelFailure,
    read_http_error,
    read_response,
)
from common.service import metrics

CONNECT_SECONDS = 5.0
LONGEST_BODY = 8 << 20


class ModelClient(Protocol):
    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        """deadline: seconds for the whole call. Never raises for what the server does."""


class ResponsesClient:
    """A Component: one pool of connections; each call carries its own API key."""

    def __init__(self, base_url: str, connections: int) -> None:
        self._url, self._connections = f"{base_url.rstrip('/')}/responses", connections

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        await self._session.close()

    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        started = perf_counter()
        answer = await self._call(api_key, body, deadline)
        metrics.MODEL_SECONDS.observe(perf_counter() - started)
        metrics.MODEL_CALLS.labels(metric_label(answer)).inc()
        if isinstance(answer, ModelAnswer):
            metrics.MODEL_TOKENS.labels("input").inc(answer.usage.input_tokens)
            metrics.MODEL_TOKENS.labels("output").inc(answer.usage.output_tokens)
        return answer

    async def _call(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        try:
            return await self._post(api_key, body, deadline)
        except TimeoutError:
            return ModelFailure("deadline", FIRST_WAIT)
        except (aiohttp.ClientError, OSError):
            return ModelFailure("connection", FIRST_WAIT)

    async def _post(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        async with self._session.post(
            self._url,
            data=orjson.dumps(body),
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            timeout=aiohttp.ClientTimeout(total=deadline, sock_connect=CONNECT_SECONDS),
            # A redirect would carry customers' words to a host that no setting names.
            allow_redirects=False,
        ) as response:
            content = await read_body(response)
            if content is None:
                return ModelFailure("too_long")
            body_read = parsed(content)
            if response.status == 200:
                return read_response(body_read)
            return read_http_error(response.status, body_read, response.headers)


async def read_body(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole answer; None when it is too long to be one."""
    answer = bytearray()
    async for piece in response.content.iter_any():
        answer += piece
        if len(answer) > LONGEST_BODY:
            return None
    return bytes(answer)


def parsed(answer: bytes) -> object:
    """None for what is not JSON: read_response calls it unreadable."""
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None


def metric_label(answer: ModelAnswer | ModelFailure) -> str:
    """A label of bounded cardinality: answered, or the failure's class."""
    return "answered" if isinstance(answer, ModelAnswer) else answer.reason.partition(":")[0]
