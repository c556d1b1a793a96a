"""Every answer's headers, and the id that ties an answer to its log and audit lines."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.service.tracing import new_trace_id

REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,64}")
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ResponseHeaders:
    """ASGI middleware; `request.state.request_id` is the caller's X-Request-Id or a new one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(dict(scope["headers"]).get(b"x-request-id", b""))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(
                    {**SECURITY_HEADERS, "X-Request-Id": request_id}
                )
            await send(message)

        await self._app(scope, receive, send_with_headers)


def request_id_of(given: bytes) -> str:
    return given.decode() if REQUEST_ID.fullmatch(given) else new_trace_id()
