"""The hot path, POST /webhook, as plain ASGI: read, verify, publish, answer.

A FastAPI endpoint costs three times as much, which is why this stands in front of the routes.
200 is said only when the broker has the bytes; anything else makes Meta send them again.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.service import metrics
from ingress.publish import Published, Publisher
from ingress.verify import signed

PATH = "/webhook"
SIGNATURE = b"x-hub-signature-256"
Result = Literal["bad_signature", "timeout", "too_large", "encoded", "busy", "gone"] | Published

ANSWERS: dict[Result, tuple[int, list[tuple[bytes, bytes]]]] = {
    "stored": (200, []),
    "bad_signature": (401, []),
    "timeout": (408, [(b"connection", b"close")]),
    "too_large": (413, []),
    "encoded": (415, []),
    "busy": (503, [(b"retry-after", b"1")]),
    "queue_full": (503, [(b"retry-after", b"1")]),
    "no_ack": (503, [(b"retry-after", b"5")]),
}
COUNTERS = {result: metrics.WEBHOOKS.labels(result) for result in (*ANSWERS, "gone")}


@dataclass(frozen=True, slots=True)
class Limits:
    """A payload may be 3 MB (Meta's webhook overview); 64 KiB of slack."""

    body_bytes: int = (3 << 20) + (64 << 10)
    receive_seconds: float = 10.0
    held_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """What matters of a request's headers. A repeated signature is no signature."""

    signature: bytes | None
    length: int
    encoded: bool


class Receiver:
    """ASGI middleware: answers POST /webhook itself and hands everything else on."""

    def __init__(
        self, app: ASGIApp, *, secrets: tuple[bytes, ...], publisher: Publisher, limits: Limits
    ) -> None:
        self._app, self._secrets, self._publisher = app, secrets, publisher
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        result = await self._take(head_of(scope["headers"]), receive)
        COUNTERS[result].inc()
        metrics.WEBHOOK_SECONDS.observe(perf_counter() - began)
        if result != "gone":
            await answer(send, result)

    async def _take(self, head: Head, receive: Receive) -> Result:
        if refusal := refused(head, self._limits):
            return refusal
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.receive_seconds):
                failure = await self._read(body, receive)
            return failure or await self._settle(bytes(body), head.signature or b"")
        except TimeoutError:
            return "timeout"
        finally:
            self._held -= len(body)

    async def _read(self, body: bytearray, receive: Receive) -> Result | None:
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                return "gone"
            chunk = message.get("body", b"")
            body += chunk
            self._held += len(chunk)
            if len(body) > self._limits.body_bytes:
                return "too_large"
            if self._held > self._limits.held_bytes:
                return "busy"
            more = message.get("more_body", False)
        return None

    async def _settle(self, body: bytes, signature: bytes) -> Result:
        if not signed(body, signature, self._secrets):
            return "bad_signature"
        return await self._publisher.publish(body)


def head_of(headers: list[tuple[bytes, bytes]]) -> Head:
    found = [value for name, value in headers if name == SIGNATURE]
    named = dict(headers)
    length = named.get(b"content-length", b"0")
    return Head(
        signature=found[0] if len(found) == 1 else None,
        length=int(length) if length.isdigit() else 0,
        encoded=named.get(b"content-encoding", b"identity").lower() != b"identity",
    )


def refused(head: Head, limits: Limits) -> Result | None:
    """What the headers alone decide, before a byte of the body is kept."""
    if head.signature is None:
        return "bad_signature"
    if head.encoded:  # the signature is over the bytes as sent, and no bomb is unpacked
        return "encoded"
    return "too_large" if head.length > limits.body_bytes else None


async def answer(send: Send, result: Result) -> None:
    status, headers = ANSWERS[result]
    start = [(b"content-length", b"0"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": b""})
