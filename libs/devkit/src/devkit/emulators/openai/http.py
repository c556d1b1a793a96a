"""What the API's answers over HTTP have in common, and how a fault breaks them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Send

from devkit.emulators.asgi import Headers, content_length, respond, start
from devkit.emulators.openai.refusals import Refused

RATE_LIMITS: Headers = (
    (b"x-ratelimit-limit-requests", b"30000"),
    (b"x-ratelimit-remaining-requests", b"29999"),
    (b"x-ratelimit-reset-requests", b"2ms"),
    (b"x-ratelimit-limit-tokens", b"180000000"),
    (b"x-ratelimit-remaining-tokens", b"179999000"),
    (b"x-ratelimit-reset-tokens", b"0s"),
    (b"openai-version", b"2020-10-01"),
)
JSON = b"application/json"


async def disconnected_within(receive: Receive, seconds: float) -> bool:
    """Waits; True as soon as the client has gone, False when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return False
    return True


async def send_json(send: Send, status: int, value: Any, headers: Headers) -> None:
    await respond(send, status, orjson.dumps(value), JSON, headers)


async def send_events(send: Send, chunks: Iterable[bytes], headers: Headers) -> None:
    await send(start(200, b"text/event-stream; charset=utf-8", headers))
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_half(send: Send, body: bytes, content_type: bytes, headers: Headers) -> None:
    """Promises the whole, sends half and returns: the server then closes the connection."""
    await send(start(200, content_type, [*headers, content_length(body)]))
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


def check_key(key: str, accepted: frozenset[str]) -> None:
    """Raises Refused with 401, as for a missing or unknown API key."""
    if not key:
        raise Refused("no_key")
    if accepted and key not in accepted:
        raise Refused("wrong_key")
