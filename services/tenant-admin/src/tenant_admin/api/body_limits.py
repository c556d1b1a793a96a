"""How large a body may be. A route's own limit is its `max_body_size`, a router's its routes'."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenant_admin.api.error_handlers import on_refused
from tenant_admin.core.problems import MEDIA_TYPE, FieldProblem, RequestRefused

KIB = 1 << 10
MOST_BODY = 512 * KIB
MOST_ASSISTANT = 2048 * KIB  # 256,000 characters of instructions, also of other alphabets
MOST_IMPORT = 8192 * KIB
TOO_LARGE = FieldProblem(
    field="body",
    message="is larger than this route takes",
    fix="send at most 512 KiB, of an assistant 2 MiB, in an import 8 MiB",
)


class ProblemBodies:
    """ASGI middleware: Starlette's own 413, a plain text, as a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_replaced = False

        async def send_problem(message: Message) -> None:
            nonlocal is_replaced
            if is_plain_413(message):
                is_replaced = True
                response = await on_refused(Request(scope), RequestRefused(413, [TOO_LARGE]))
                await response(scope, receive, send)
            elif not is_replaced:
                await send(message)

        await self._app(scope, receive, send_problem)


def is_plain_413(message: Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] != 413:
        return False
    return Headers(raw=message["headers"]).get("content-type") != MEDIA_TYPE
