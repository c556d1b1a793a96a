"""Every exception of a request becomes a problem document."""

import psycopg2
import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from common.postgres.errors import is_outage
from tenant_admin.api.problem_responses import to_response
from tenant_admin.core.problems import FieldProblem, RequestRefused, field_problems

log = structlog.get_logger()
METHOD_NOT_ALLOWED = 405
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CONFLICT = FieldProblem(
    field="request",
    message="it was changed or removed at the same time",
    fix="read it again, then repeat",
)
NOT_STORABLE = FieldProblem(
    field="request",
    message="it holds a character or number that cannot be stored",
    fix="remove zero bytes",
)
INCOMPLETE = FieldProblem(
    field="request",
    message="the body did not arrive whole",
    fix="send it again",
)
NO_DATABASE = FieldProblem(
    field="request",
    message="the database is not available",
    fix="repeat in a few seconds",
)


def add_error_handlers(app: FastAPI) -> None:
    app.exception_handler(RequestRefused)(on_refused)
    app.exception_handler(RequestValidationError)(on_invalid)
    app.exception_handler(HTTPException)(on_http)
    app.exception_handler(ClientDisconnect)(on_gone)
    app.exception_handler(sa.exc.SQLAlchemyError)(on_database)
    app.exception_handler(psycopg2.Error)(on_database)  # a connection that was cut
    app.exception_handler(Exception)(on_bug)


async def on_refused(request: Request, error: RequestRefused) -> Response:
    return to_response(error.problem(request.state.request_id))


async def on_invalid(request: Request, error: RequestValidationError) -> Response:
    return await on_refused(request, RequestRefused(422, field_problems(error.errors())))


async def on_http(request: Request, error: HTTPException) -> Response:
    """Unknown paths and methods, bodies that are too large."""
    if error.status_code == METHOD_NOT_ALLOWED:
        return method_refused(request)
    problem = FieldProblem(
        field="request",
        message=str(error.detail).lower(),
        fix="see /docs for the routes and their limits",
    )
    return await on_refused(request, RequestRefused(error.status_code, [problem]))


async def on_gone(request: Request, _: ClientDisconnect) -> Response:
    """Nobody reads it; but that a client left is no bug of ours."""
    return await on_refused(request, RequestRefused(400, [INCOMPLETE]))


def method_refused(request: Request) -> Response:
    """Each method has a route of its own, so FastAPI would name only one."""
    allowed = ", ".join(each for each in METHODS if has_route(request, each))
    problem = FieldProblem(
        field="request", message=f"this path does not take {request.method}", fix=f"use {allowed}"
    )
    refused = RequestRefused(METHOD_NOT_ALLOWED, [problem])
    answer = to_response(refused.problem(request.state.request_id))
    answer.headers["Allow"] = allowed
    return answer


def has_route(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


async def on_database(request: Request, error: Exception) -> Response:
    if isinstance(error, sa.exc.IntegrityError):
        refused = RequestRefused(409, [CONFLICT])
    elif isinstance(error, sa.exc.DataError):
        refused = RequestRefused(422, [NOT_STORABLE])
    elif is_outage(error):
        refused = RequestRefused(503, [NO_DATABASE])
    else:
        return await on_bug(request, error)
    return await on_refused(request, refused)


async def response_to(request: Request, error: Exception) -> Response:
    """For what happens in front of the routes."""
    if isinstance(error, RequestRefused):
        return await on_refused(request, error)
    return await on_database(request, error)


async def on_bug(request: Request, error: Exception) -> Response:
    request_id = request.state.request_id
    log.error("request_failed", request_id=request_id, exc_info=error)
    fix = f"report it with request id {request_id}"
    problem = FieldProblem(field="request", message="failed unexpectedly", fix=fix)
    return await on_refused(request, RequestRefused(500, [problem]))
