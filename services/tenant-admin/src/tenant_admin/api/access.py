"""Who may do what: each route declares one scope, and the key must have it."""

from functools import partial
from typing import Annotated, NoReturn

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.types import ASGIApp, Receive, Scope, Send

from common.service.tracing import trace_id_of
from tenant_admin.api.dependencies import Services, ServicesDep
from tenant_admin.api.error_handlers import response_to
from tenant_admin.api.query import refuse_unknown_parameters
from tenant_admin.core.api_keys import (
    KeyHolder,
    authenticate,
    bootstrap_holder,
    has_form,
    record_refused_key,
)
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.problems import refuse

log = structlog.get_logger()
bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key (csj_...)")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
HEADER = "Authorization"
GUARDED = "/v1/"


class KeyCheck:
    """ASGI middleware: what is under /v1 shows a valid key before a byte of its body is read.

    Refused: 401, and 429 after many wrong keys. `request.state.key_holder` is whose key it is.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            request = Request(scope)
            try:
                request.state.key_holder = await key_holder(self._services, request)
            except Exception as error:  # noqa: BLE001 - it becomes the answer
                refusal = await response_to(request, error)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


async def key_holder(services: Services, request: Request) -> KeyHolder:
    credentials = await bearer(request)
    if credentials is None:
        refuse(401, HEADER, "is missing", "send Authorization: Bearer <API key>")
    presented = credentials.credentials
    holder = bootstrap_holder(presented, services.bootstrap_key)
    if holder is None and has_form(presented):
        now = services.clock.now()
        holder = await services.read(partial(authenticate, presented=presented, now=now))
    if holder is None:
        await refuse_key(services, request, presented)
    return holder


async def caller(
    scopes: SecurityScopes, request: Request, services: ServicesDep, _: Credentials
) -> ChangeContext:
    """Who makes this request. Refused: 403; then what its query has beside the route's own
    parameters."""
    holder: KeyHolder = request.state.key_holder
    for scope in scopes.scopes:
        if scope not in holder.scopes:
            refuse(403, HEADER, f"this key lacks the scope {scope}", "use a key that has it")
    refuse_unknown_parameters(request)
    return context_of(request, services, f"key:{holder.name}", holder.prefix)


def context_of(
    request: Request, services: Services, actor: str, prefix: str | None
) -> ChangeContext:
    trace_id = trace_id_of({"traceparent": request.headers.get("traceparent", "").encode()})
    return ChangeContext(actor, prefix, request.state.request_id, trace_id, services.clock.now())


async def refuse_key(services: Services, request: Request, presented: str) -> NoReturn:
    """Audited until the limit is reached, so that guessing cannot fill the log; what is no key at
    all does not reach the database."""
    remote = request.client.host if request.client else "unknown"
    log.warning("key_refused", remote=remote)
    if services.failed_keys.count_failure(remote):
        refuse(429, HEADER, "too many wrong keys from this address", "wait a minute")
    if has_form(presented):
        context = context_of(request, services, "unknown", None)
        await services.apply(context, partial(record_refused_key, remote=remote))
    refuse(401, HEADER, "this key is not valid", "check it, or have a new one made")


ClientsRead = Annotated[ChangeContext, Security(caller, scopes=["clients:read"])]
ClientsWrite = Annotated[ChangeContext, Security(caller, scopes=["clients:write"])]
AssistantsRead = Annotated[ChangeContext, Security(caller, scopes=["assistants:read"])]
AssistantsWrite = Annotated[ChangeContext, Security(caller, scopes=["assistants:write"])]
ConversationsWrite = Annotated[ChangeContext, Security(caller, scopes=["conversations:write"])]
KeysAdmin = Annotated[ChangeContext, Security(caller, scopes=["keys:admin"])]
AuditRead = Annotated[ChangeContext, Security(caller, scopes=["audit:read"])]
