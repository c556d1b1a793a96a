"""Plain ASGI reading and writing: a Starlette Request and Response cost as much as an answer."""

from collections.abc import Iterable
from typing import Any

from starlette.types import Receive, Send

Headers = Iterable[tuple[bytes, bytes]]


async def read_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def bearer_token(headers: Headers) -> str:
    """ "" without an Authorization header of this kind."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            return str(token, "latin-1") if scheme.lower() == b"bearer" else ""
    return ""


async def respond(
    send: Send, status: int, body: bytes, content_type: bytes, headers: Headers = ()
) -> None:
    await send(start(status, content_type, [*headers, content_length(body)]))
    await send({"type": "http.response.body", "body": body})


def start(status: int, content_type: bytes, headers: Headers) -> dict[str, Any]:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", content_type), *headers],
    }


def content_length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())
