"""Plain ASGI reading and writing: a Starlette Request and Response cost as much as an answer."""

import asyncio
from collections.abc import Iterable
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from devkit.emulators.openai.refusals import Refused

Headers = list[tuple[bytes, bytes]]
RATE_LIMITS: Headers = [
    (b"x-ratelimit-limit-requests", b"30000"),
    (b"x-ratelimit-remaining-requests", b"29999"),
    (b"x-ratelimit-reset-requests", b"2ms"),
    (b"x-ratelimit-limit-tokens", b"180000000"),
    (b"x-ratelimit-remaining-tokens", b"179999000"),
    (b"x-ratelimit-reset-tokens", b"0s"),
    (b"openai-version", b"2020-10-01"),
]
JSON = b"application/json"


async def read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def disconnected_within(receive: Receive, seconds: float) -> bool:
    """Waits; True as soon as the client has gone, False when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return False
    return True


def header(scope: Scope, name: bytes) -> str:
    value = next((content for key, content in scope["headers"] if key == name), b"")
    return str(value.decode("latin-1"))


async def send_bytes(
    send: Send, status: int, body: bytes, content_type: bytes, extra: Headers
) -> None:
    await send(start(status, content_type, [*extra, content_length(body)]))
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, value: Any, extra: Headers) -> None:
    await send_bytes(send, status, orjson.dumps(value), JSON, extra)


async def send_events(send: Send, chunks: Iterable[bytes], extra: Headers) -> None:
    await send(start(200, b"text/event-stream; charset=utf-8", extra))
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def send_half(send: Send, body: bytes, content_type: bytes, extra: Headers) -> None:
    """Promises the whole, sends half and returns: the server then closes the connection."""
    await send(start(200, content_type, [*extra, content_length(body)]))
    half = body[: len(body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


def start(status: int, content_type: bytes, headers: Headers) -> dict[str, Any]:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", content_type), *headers],
    }


def content_length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


def check_key(authorization: str, accepted: frozenset[str]) -> None:
    """Raises Refused with 401, as for a missing or unknown API key."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    if accepted and key not in accepted:
        raise Refused("Incorrect API key provided.", code="invalid_api_key", status=401)
