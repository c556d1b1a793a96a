"""JSON endpoints of the emulators, and the control API that both have.

Errors of a control API are `{error}`: the first wrong field, and what is wrong with it.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


def answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def given(request: Request, kind: type[T]) -> T:
    """The request's JSON as `kind`, without any other key. Raises ValidationError."""
    return TypeAdapter(kind).validate_json(await request.body(), extra="forbid")


def control_routes(*endpoints: tuple[str, str, Endpoint], wrong: int = 422) -> list[Route]:
    """Of (method, path, endpoint); `wrong` is the status of a request that makes no sense."""
    return [
        Route(f"/control/{path}", refusing(endpoint, wrong), methods=[method])
        for method, path, endpoint in endpoints
    ]


def refusing(endpoint: Endpoint, wrong: int) -> Endpoint:
    async def checked(request: Request) -> Response:
        if foreign(request):
            return answer({"error": "not from this page"}, 403)
        try:
            return await endpoint(request)
        except (ValueError, re.error) as error:
            return answer({"error": reason(error)}, wrong)

    return checked


def foreign(request: Request) -> bool:
    """Sent by a browser from a page of another site, which could reach us on this machine."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
