"""The FastAPI application: routers, refusals as problem documents, the reference page."""

import json
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from common.postgres.database import is_outage
from tenant_admin.api import assistants, clients, keys
from tenant_admin.api.headers import Headers
from tenant_admin.api.office import Office
from tenant_admin.api.reference import reference_page
from tenant_admin.problems import MEDIA_TYPE, FieldProblem, Problem, Refused, field_problems

log = structlog.get_logger()
MAX_BODY = 8 << 20
TITLE = "Conserje administration"
DESCRIPTION = (
    "Clients, assistants and keys of one Conserje installation. A change is live within a second."
    " Send `Authorization: Bearer <key>`; ADMIN_API_KEY is the first key. Errors are RFC 9457"
    " problem documents whose `errors` name each wrong field and how to mend it."
)
ASIDE = {
    409: "it was changed or removed at the same time; read it again, then repeat",
    422: "it holds a character or number that cannot be stored; remove zero bytes",
    503: "the database is not available; repeat in a few seconds",
}


def web(office: Office) -> ASGIApp:
    """What is served: the headers are outermost, so that a crash's answer has them too."""
    return Headers(application(office))


def application(office: Office) -> FastAPI:
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        max_body_size=MAX_BODY,
        separate_input_output_schemas=False,
    )
    app.state.office = office
    for router in (clients.router, assistants.router, keys.router):
        app.include_router(router)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(sa.exc.SQLAlchemyError, on_database)
    app.add_exception_handler(Exception, on_bug)
    app.add_api_route("/", to_docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


async def to_docs() -> Response:
    return RedirectResponse("/docs", status_code=307)


async def docs(request: Request) -> Response:
    return HTMLResponse(reference_page(request.app.openapi()))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem schema that all refusals share."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = made["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs") | {Problem.__name__: problem}
        app.openapi_schema = made
    return app.openapi_schema


async def on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(error.problem(request.state.request_id))


async def on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(Refused(422, field_problems(error.errors())).problem(request.state.request_id))


async def on_http(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, bodies that are too large."""
    assert isinstance(error, HTTPException)
    fix = "see /docs for the routes and their limits"
    wrong = FieldProblem(field="request", message=str(error.detail).lower(), fix=fix)
    return answer(Refused(error.status_code, [wrong]).problem(request.state.request_id))


async def on_database(request: Request, error: Exception) -> Response:
    if isinstance(error, sa.exc.IntegrityError):
        status = 409
    elif isinstance(error, sa.exc.DataError):
        status = 422
    elif is_outage(error):
        status = 503
    else:
        return await on_bug(request, error)
    message, fix = ASIDE[status].split("; ")
    wrong = FieldProblem(field="request", message=message, fix=fix)
    return answer(Refused(status, [wrong]).problem(request.state.request_id))


async def on_bug(request: Request, error: Exception) -> Response:
    log.error("request_failed", request_id=request.state.request_id, exc_info=error)
    fix = f"report it with request id {request.state.request_id}"
    wrong = FieldProblem(field="request", message="failed unexpectedly", fix=fix)
    return answer(Refused(500, [wrong]).problem(request.state.request_id))


RETRY_SECONDS = {429: "60", 503: "5"}


def answer(problem: Problem) -> Response:
    """ASCII JSON: an echo of broken Unicode must not break the answer too."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    if problem.status in RETRY_SECONDS:
        headers["Retry-After"] = RETRY_SECONDS[problem.status]
    body = json.dumps(problem.model_dump(mode="json", exclude_none=True))
    return Response(body, problem.status, headers, MEDIA_TYPE)
