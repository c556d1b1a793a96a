"""The FastAPI application: its routers, error handlers, OpenAPI document and reference page."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from tenant_admin.api import (
    accounts,
    api_keys,
    assistants,
    audit_log,
    clients,
    conversation_commands,
)
from tenant_admin.api.access import KeyCheck
from tenant_admin.api.body_limits import MOST_BODY, ProblemBodies
from tenant_admin.api.dependencies import Services
from tenant_admin.api.docs_page import docs_page
from tenant_admin.api.documented_headers import document_headers
from tenant_admin.api.error_handlers import add_error_handlers
from tenant_admin.api.response_headers import ResponseHeaders
from tenant_admin.core.problems import Problem

TITLE = "Conserje administration"
DESCRIPTION = (
    "Clients, assistants and keys of one Conserje installation. A change is live within a second."
    " Send `Authorization: Bearer <key>`; ADMIN_API_KEY is the first key. Errors are RFC 9457"
    " problem documents whose `errors` name each wrong field and how to mend it."
)


def create_asgi_app(services: Services) -> ASGIApp:
    """What is served: the headers are outermost, so that a crash's answer has them too."""
    return ResponseHeaders(KeyCheck(ProblemBodies(create_app(services)), services))


def create_app(services: Services) -> FastAPI:
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        max_body_size=MOST_BODY,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.services = services
    for door in (clients, accounts, conversation_commands, assistants, api_keys, audit_log):
        app.include_router(door.router)
    add_error_handlers(app)
    app.add_api_route("/", redirect_to_docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


def operation_id(route: APIRoute) -> str:
    """The function's name: what a generated client calls it, whatever its path becomes."""
    return route.name


async def redirect_to_docs() -> Response:
    return RedirectResponse("/docs", status_code=307)


async def docs(request: Request) -> Response:
    return HTMLResponse(docs_page(request.app.openapi()))


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem schema that all refusals share."""
    if app.openapi_schema is None:
        generated = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=[{"url": "/"}],
        )
        schemas = generated["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs") | {Problem.__name__: problem}
        document_headers(generated)
        app.openapi_schema = generated
    return app.openapi_schema
