"""The Responses API over the openai SDK: one try, one total deadline.

`client.post` with our own small response reader costs a sixth of the CPU of `responses.create`,
and the aiohttp transport an eighth of httpx2 at many open calls. The SDK's own retries are off:
they sleep inside the call and retry billing errors too.
"""

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Protocol

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, Omit

from assistant.read_answer import FIRST_WAIT, Answer, Failure, read_refusal, read_response
from common import metrics

CONNECT_SECONDS = 5.0
# The SDK would send OPENAI_ORG_ID and OPENAI_PROJECT_ID of our environment with a client's own key.
WITHOUT_OURS = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
# A 200 with broken JSON is a ValueError, one nested too deeply a RecursionError.
UNREADABLE = (openai.OpenAIError, ValueError, TypeError, RecursionError)


class Model(Protocol):
    async def ask(self, api_key: str, body: dict[str, Any], deadline: float) -> Answer | Failure:
        """deadline: seconds for the whole call. Never raises for what the server does."""


class ResponsesApi:
    """A Part: one SDK client and one pool of connections; each call carries its own API key."""

    def __init__(self, base_url: str, connections: int) -> None:
        self._base_url, self._connections = base_url, connections

    async def start(self) -> None:
        limits = httpx2.Limits(
            max_connections=self._connections, max_keepalive_connections=self._connections
        )
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        # A redirect would carry customers' words to a host that nobody named.
        transport = DefaultAioHttpClient(limits=limits, timeout=timeout, follow_redirects=False)
        self._client = AsyncOpenAI(
            api_key="each call has its own",
            base_url=self._base_url,
            max_retries=0,
            http_client=transport,
        )

    async def stop(self) -> None:
        await self._client.close()

    async def ask(self, api_key: str, body: dict[str, Any], deadline: float) -> Answer | Failure:
        started = perf_counter()
        answer = await self._asked(api_key, body, deadline)
        metrics.MODEL_SECONDS.observe(perf_counter() - started)
        metrics.MODEL_CALLS.labels(result_of(answer)).inc()
        if isinstance(answer, Answer):
            metrics.MODEL_TOKENS.labels("input").inc(answer.usage.input_tokens)
            metrics.MODEL_TOKENS.labels("output").inc(answer.usage.output_tokens)
        return answer

    async def _asked(self, api_key: str, body: dict[str, Any], deadline: float) -> Answer | Failure:
        try:
            async with asyncio.timeout(deadline):
                return read_response(await self._post(api_key, body))
        except TimeoutError:
            return Failure("deadline", FIRST_WAIT)
        except openai.APIStatusError as error:
            return read_refusal(error.status_code, body_of(error), error.response.headers)
        except openai.APIConnectionError:
            return Failure("connection", FIRST_WAIT)
        except UNREADABLE:
            return Failure("unreadable", FIRST_WAIT)

    async def _post(self, api_key: str, body: dict[str, Any]) -> object:
        headers: dict[str, str | Omit] = {"Authorization": f"Bearer {api_key}", **WITHOUT_OURS}
        return await self._client.post(
            "/responses", cast_to=object, body=body, options={"headers": headers}
        )


def result_of(answer: Answer | Failure) -> str:
    """A label of bounded variety: answered, or the failure's class."""
    return "answered" if isinstance(answer, Answer) else answer.reason.partition(":")[0]


def body_of(error: openai.APIStatusError) -> Mapping[str, Any]:
    return {"error": error.body} if isinstance(error.body, Mapping) else {}
