"""The Responses API: one try, one total deadline, no redirect."""

from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

import orjson

from assistant.openai.http_error import read_http_error
from assistant.openai.response import ModelAnswer, ModelFailure, as_code, read_response
from assistant.openai.sdk_client import SdkClient
from common.service import metrics
from common.service.json_http import HttpAnswer


class ModelClient(Protocol):
    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        """deadline: seconds for the whole call. Never raises for what the server does."""


class ResponsesClient:
    """On a client that the wiring starts; each call carries its own API key."""

    def __init__(self, base_url: str, sdk: SdkClient) -> None:
        self._url = f"{base_url.rstrip('/')}/responses"
        self._sdk = sdk

    async def ask(
        self, api_key: str, body: dict[str, Any], deadline: float
    ) -> ModelAnswer | ModelFailure:
        started = perf_counter()
        answer = await self._sdk.post(self._url, api_key, orjson.dumps(body), deadline)
        read = read_answer(answer) if isinstance(answer, HttpAnswer) else answer
        metrics.MODEL_SECONDS.observe(perf_counter() - started)
        metrics.MODEL_CALLS.labels(metric_label(read)).inc()
        if read.usage:
            metrics.MODEL_TOKENS.labels("input").inc(read.usage.input_tokens)
            metrics.MODEL_TOKENS.labels("output").inc(read.usage.output_tokens)
        return read


def read_answer(answer: HttpAnswer) -> ModelAnswer | ModelFailure:
    """What is not JSON is None for both readers: they call it unreadable or without a code."""
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
