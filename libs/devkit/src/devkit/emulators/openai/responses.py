"""POST /v1/responses: authorize, validate, decide, answer; or fail as a fault says."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from devkit.emulators.asgi import Headers, bearer_token, read_body, respond
from devkit.emulators.openai.answer import Answer, decide
from devkit.emulators.openai.faults import HUGE_CHARACTERS, Fault, spoil
from devkit.emulators.openai.http import (
    JSON,
    RATE_LIMITS,
    check_key,
    disconnected_within,
    send_events,
    send_half,
    send_json,
)
from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.request_rules import check_request_rules
from devkit.emulators.openai.response import build_response, new_id
from devkit.emulators.openai.state import Entry, State
from devkit.emulators.openai.stream import encode_stream
from devkit.emulators.openai.validate import Request, parse_request

HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>"
INSTEAD = {
    "refusal": Answer(refusal="I cannot help with that."),
    "empty": Answer(),
    "huge": Answer(text="x" * HUGE_CHARACTERS),
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call under way; its headers name the request, the journal entry gets the status."""

    receive: Receive
    send: Send
    entry: Entry
    headers: Headers


class ResponsesEndpoint:
    """An ASGI application, not a Starlette function: it is the hot path of load tests."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        calls = self.state.calls
        calls.begin()
        try:
            await self.handle(scope, receive, send)
        finally:
            self.state.calls.in_flight -= 1

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        request_id = new_id("req")
        entry = self.state.record(scope["path"], request_id, scope["headers"], body)
        key = bearer_token(scope["headers"])
        limit = self.state.limits.get(key)
        is_over = limit is not None and not limit.admit(time.monotonic())
        headers = [
            (b"x-request-id", request_id.encode()),
            *(limit.headers if limit else RATE_LIMITS),
        ]
        exchange = Exchange(receive, send, entry, headers)
        try:
            request = self.check(key, body)
            if limit and is_over:
                raise Refused("rate_limit", limit=f"{limit.requests_per_minute:g}")
        except Refused as refused:
            self.state.calls.refused += 1
            entry.status = refused.status
            await send_json(send, refused.status, refused.body(), headers)
            return
        await self.answer(exchange, request)

    def check(self, key: str, body: bytes) -> Request:
        config = self.state.config
        check_key(key, config.api_keys)
        request = parse_request(body, config.models, config.today())
        if config.house_rules:
            check_request_rules(request)
        return request

    async def answer(self, exchange: Exchange, request: Request) -> None:
        fault = self.state.faults.take(request)
        if fault and await self.failed(exchange, fault):
            return
        answer = INSTEAD.get(fault.kind if fault else "") or decide(request, self.state.rules)
        delay = answer.delay_seconds or self.state.delay_seconds
        if delay:
            await asyncio.sleep(delay)
        unlimited = replace(request, max_output_tokens=None) if fault else request
        response = build_response(unlimited, answer, int(time.time()))
        self.state.calls.answered += 1
        await finish(exchange, request, spoil(response, fault) if fault else response, fault)

    async def failed(self, exchange: Exchange, fault: Fault) -> bool:
        """Whether the fault itself was the answer."""
        if fault.kind == "hang":
            return await disconnected_within(exchange.receive, fault.seconds)
        if fault.kind == "status":
            exchange.entry.status = fault.status
            await send_json(
                exchange.send, fault.status, fault.error(), fault_headers(exchange, fault)
            )
            return True
        if fault.kind in ("html", "garbage"):
            exchange.entry.status = 200
            body, kind = (HTML, b"text/html") if fault.kind == "html" else (b'{"id": "resp_', JSON)
            await respond(exchange.send, 200, body, kind, exchange.headers)
            return True
        return False


def fault_headers(exchange: Exchange, fault: Fault) -> Headers:
    if fault.retry_after is None:
        return exchange.headers
    return [*exchange.headers, (b"retry-after", f"{fault.retry_after:g}".encode())]


async def finish(
    exchange: Exchange, request: Request, response: dict[str, Any], fault: Fault | None
) -> None:
    if fault and fault.kind == "cut":
        whole = b"".join(encode_stream(response)) if request.stream else orjson.dumps(response)
        kind = b"text/event-stream" if request.stream else JSON
        await send_half(exchange.send, whole, kind, exchange.headers)
        return
    exchange.entry.status = 200
    if request.stream:
        await send_events(exchange.send, encode_stream(response), exchange.headers)
    else:
        await send_json(exchange.send, 200, response, exchange.headers)
