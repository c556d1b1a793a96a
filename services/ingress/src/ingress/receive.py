"""The hot path, POST /webhook, as plain ASGI: read, verify, publish, respond.

A FastAPI endpoint costs three times as much, which is why this is in front of the routes.
200 is sent only when the broker has the bytes; anything else makes Meta send them again.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.service import metrics
from ingress.publish import Publisher, PublishResult
from ingress.verify import has_form, is_signed

PATH = "/webhook"
SIGNATURE = b"x-hub-signature-256"
Result = Literal["bad_signature", "timeout", "too_large", "encoded", "busy", "gone"] | PublishResult

RESPONSES: dict[Result, tuple[int, list[tuple[bytes, bytes]]]] = {
    "stored": (200, []),
    "bad_signature": (401, []),
    "timeout": (408, [(b"connection", b"close")]),
    "too_large": (413, []),
    "encoded": (415, []),
    "busy": (503, [(b"retry-after", b"1")]),
    "queue_full": (503, [(b"retry-after", b"1")]),
    "no_ack": (503, [(b"retry-after", b"5")]),
}
COUNTERS = {result: metrics.WEBHOOKS.labels(result) for result in (*RESPONSES, "gone")}


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """A payload may be 3 MB (Meta's webhook overview); 64 KiB of slack."""

    body_bytes: int = (3 << 20) + (64 << 10)
    receive_seconds: float = 10.0
    held_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What matters of a request's headers. A repeated signature counts as none, and so does one
    that is not in Meta's form."""

    signature: bytes | None
    length: int
    encoded: bool


class HeldBody:
    """What came of a body. In memory once: the pieces go when they are joined."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.size += len(piece)

    def whole(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


class Receiver:
    """ASGI middleware: answers POST /webhook itself and passes everything else on."""

    def __init__(
        self, app: ASGIApp, *, secrets: tuple[bytes, ...], publisher: Publisher, limits: BodyLimits
    ) -> None:
        self._app = app
        self._secrets = secrets
        self._publisher = publisher
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        result = await self._receive_and_publish(request_head(scope["headers"]), receive)
        COUNTERS[result].inc()
        metrics.WEBHOOK_SECONDS.observe(perf_counter() - began)
        if result != "gone":
            await respond(send, result)

    async def _receive_and_publish(self, head: RequestHead, receive: Receive) -> Result:
        if refusal := refusal_of(head, self._limits):
            return refusal
        body = HeldBody()
        try:
            async with asyncio.timeout(self._limits.receive_seconds):
                failure = await self._read_body(body, receive)
            return failure or await self._verify_and_publish(body.whole(), head.signature or b"")
        except TimeoutError:
            return "timeout"
        finally:
            self._held -= body.size

    async def _read_body(self, body: "HeldBody", receive: Receive) -> Result | None:
        more = True
        while more:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                return "gone"
            chunk = message.get("body", b"")
            body.add(chunk)
            self._held += len(chunk)
            if body.size > self._limits.body_bytes:
                return "too_large"
            if self._held > self._limits.held_bytes:
                return "busy"
            more = message.get("more_body", False)
        return None

    async def _verify_and_publish(self, body: bytes, signature: bytes) -> Result:
        if not is_signed(body, signature, self._secrets):
            return "bad_signature"
        return await self._publisher.publish(body)


def request_head(headers: list[tuple[bytes, bytes]]) -> RequestHead:
    signatures = [value for name, value in headers if name == SIGNATURE]
    by_name = dict(headers)
    length = by_name.get(b"content-length", b"0")
    return RequestHead(
        signature=signatures[0] if len(signatures) == 1 and has_form(signatures[0]) else None,
        length=int(length) if length.isdigit() else 0,
        encoded=by_name.get(b"content-encoding", b"identity").lower() != b"identity",
    )


def refusal_of(head: RequestHead, limits: BodyLimits) -> Result | None:
    """What the headers alone decide, before a byte of the body is kept."""
    if head.signature is None:
        return "bad_signature"
    if head.encoded:  # the signature is of the bytes as sent; decompression bombs stay out
        return "encoded"
    return "too_large" if head.length > limits.body_bytes else None


async def respond(send: Send, result: Result) -> None:
    status, headers = RESPONSES[result]
    start = [(b"content-length", b"0"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": b""})
