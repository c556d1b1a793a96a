"""The Responses API over HTTP: one try, one total deadline, no redirect.

A call is one POST of JSON with a key of its own. The openai SDK does the same for ten times the CPU
(1 ms a call, three quarters of a turn), and its retries sleep inside the call and repeat billing
errors too.
"""

from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

from assistant.openai.http_error import read_http_error
from assistant.openai.response import ModelAnswer, ModelFailure, as_code, read_response
from common.service import metrics
from common.service.json_http import FAILED, HttpAnswer, JsonHttpClient, timeout

LONGEST_BODY = 8 << 20  # bytes


class ModelClient(Protocol):
    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        """deadline: seconds for the whole call. Never raises for what the server does."""


class ResponsesClient:
    """On an HTTP client that the wiring starts; each call carries its own API key."""

    def __init__(self, base_url: str, http: JsonHttpClient) -> None:
        self._url = f"{base_url.rstrip('/')}/responses"
        self._http = http

    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        started = perf_counter()
        answer = await self._call(api_key, body, deadline)
        metrics.MODEL_SECONDS.observe(perf_counter() - started)
        metrics.MODEL_CALLS.labels(metric_label(answer)).inc()
        if answer.usage:
            metrics.MODEL_TOKENS.labels("input").inc(answer.usage.input_tokens)
            metrics.MODEL_TOKENS.labels("output").inc(answer.usage.output_tokens)
        return answer

    async def _call(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        # A call may wait for a free connection as long as its deadline allows.
        limits = timeout(deadline, waiting_for_connection=False)
        try:
            return read_answer(await self._http.post(self._url, api_key, body, limits))
        except TimeoutError:
            return ModelFailure("deadline", "deadline")
        except FAILED:
            return ModelFailure("connection", "transient")


def read_answer(answer: HttpAnswer) -> ModelAnswer | ModelFailure:
    """What is not JSON is None for both readers: they call it unreadable or without a code."""
    if answer.body is None:
        return ModelFailure("too_long")
    body = answer.json()
    if answer.status == 200:
        read = read_response(body)
    else:
        read = read_http_error(answer.status, body, answer.headers)
    if isinstance(read, ModelAnswer):
        return read
    return replace(read, request_id=as_code(answer.headers.get("x-request-id")))


def metric_label(answer: ModelAnswer | ModelFailure) -> str:
    """A label of bounded cardinality: answered, or the failure's class."""
    return "answered" if isinstance(answer, ModelAnswer) else answer.reason.partition(":")[0]
