"""The openai package's client: one pool of connections for all keys and servers.

Of the package's ways to call only `post` is cheap (0.7 ms of CPU more than aiohttp alone; typed
calls cost 7 ms more): bytes in, a response out. It repeats nothing here (max_retries=0): its
retries sleep inside the call, and repeat billing errors too.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx2
from openai import APIStatusError, AsyncOpenAI, DefaultAioHttpClient, OpenAIError

from assistant.openai.response import ModelFailure
from common.service.json_http import CONNECT_SECONDS, HttpAnswer

LONGEST_BODY = 8 << 20  # bytes of an answer that are read
# What is sent. The package would add its environment's organization, project and headers, which
# never go with a client's key.
HEADERS = frozenset(
    {"host", "authorization", "content-type", "content-length", "transfer-encoding"}
    | {"accept", "accept-encoding", "user-agent"}
)
# Whatever a server, a proxy or a network can make of a call, besides TimeoutError.
FAILED = (OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, aiohttp.ClientError, OSError)


class AnswerTooLong(Exception):
    """More than LONGEST_BODY came; the rest was not read."""


class BoundedHttpClient(DefaultAioHttpClient):
    """Reads an answer, also one of an error, up to a limit. It follows no redirect: that would
    carry customers' words to a host that is not configured."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        for name in [name for name in request.headers if name not in HEADERS]:
            del request.headers[name]
        response = await super().send(request, **options | {"stream": True})
        try:
            body = await bounded_body(response)
        finally:
            await response.aclose()
        return httpx2.Response(
            response.status_code, headers=as_read(response), content=body, request=request
        )


async def bounded_body(response: httpx2.Response) -> bytes:
    """Decoded; raises AnswerTooLong."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise AnswerTooLong
    return bytes(body)


def as_read(response: httpx2.Response) -> list[tuple[str, str]]:
    """The headers of a body that is decoded."""
    own = ("content-encoding", "content-length", "transfer-encoding")
    return [(name, value) for name, value in response.headers.multi_items() if name not in own]


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one file: fields by name; the file's name, bytes and MIME type."""

    fields: Mapping[str, str]
    file: tuple[str, bytes, str]


class SdkClient:
    """A Component. Each call carries its own key and names its own server."""

    def __init__(self, connections: int) -> None:
        self._connections = connections

    async def start(self) -> None:
        http = BoundedHttpClient(
            limits=httpx2.Limits(max_connections=self._connections, keepalive_expiry=15.0),
            # A call may wait for a free connection as long as its deadline allows.
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=False,
            verify=ssl.create_default_context(),
        )
        self._client = AsyncOpenAI(
            api_key="each call has its own",
            base_url="https://each.call.has.its.own",
            max_retries=0,
            http_client=http,
        )

    async def stop(self) -> None:
        await self._client.close()

    async def post(
        self, url: str, api_key: str, body: bytes | Upload, deadline: float
    ) -> HttpAnswer | ModelFailure:
        """body: JSON, or a form. deadline: seconds for the whole call. Never raises for what a
        server does."""
        try:
            async with asyncio.timeout(deadline):
                return as_answer(await self._post(url, api_key, body))
        except TimeoutError:
            return ModelFailure("deadline", "deadline")
        except AnswerTooLong:
            return ModelFailure("too_long")
        except APIStatusError as error:
            return as_answer(error.response)
        except FAILED:
            return ModelFailure("connection", "transient")

    async def _post(self, url: str, api_key: str, body: bytes | Upload) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {api_key}"}
        if isinstance(body, bytes):
            return await self._client.post(
                url, cast_to=httpx2.Response, content=body, options={"headers": headers}
            )
        return await self._client.post(
            url,
            cast_to=httpx2.Response,
            body=body.fields,
            files=[("file", body.file)],
            options={"headers": headers | {"Content-Type": "multipart/form-data"}},
        )


def as_answer(response: httpx2.Response) -> HttpAnswer:
    return HttpAnswer(response.status_code, response.headers, response.content)
