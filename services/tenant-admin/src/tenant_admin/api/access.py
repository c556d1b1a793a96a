"""Who may do what: each route declares one scope, and the key must have it. What is of clients that
are not the key's is not there for it."""

from functools import partial
from typing import Annotated, NoReturn, cast

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.types import ASGIApp, Receive, Scope, Send

from common.service.tracing import trace_id_of
from tenant_admin.api.dependencies import Services, ServicesDep
from tenant_admin.api.error_handlers import response_to
from tenant_admin.api.failed_keys import network_of
from tenant_admin.api.query import refuse_unknown_parameters
from tenant_admin.core.api_keys import (
    authenticate,
    bootstrap_holder,
    has_form,
    record_refused_key,
)
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.key_rights import HEADER, KeyHolder, refuse_without_scope
from tenant_admin.core.key_rights import Scope as ScopeName
from tenant_admin.core.problems import refuse

log = structlog.get_logger()
bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key (csj_...)")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
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
    """Refused: 401; 429 where too many wrong keys came from, without asking the database."""
    credentials = await bearer(request)
    if credentials is None:
        refuse(401, HEADER, "is missing", "send Authorization: Bearer <API key>")
    presented = credentials.credentials
    if holder := bootstrap_holder(presented, services.bootstrap_keys):
        return holder
    network = network_of(request.client.host if request.client else "unknown")
    if services.failed_keys.refuses(network, presented):
        log.warning("key_refused", remote=network)
        refuse(429, HEADER, "too many wrong keys from this address", "wait a minute")
    holder = await stored_holder(services, presented) if has_form(presented) else None
    if holder is None:
        await refuse_key(services, request, presented, network)
    services.failed_keys.count_success(presented)
    return holder


async def stored_holder(services: Services, presented: str) -> KeyHolder | None:
    now = services.clock.now()
    return await services.database.transaction(partial(authenticate, presented=presented, now=now))


async def caller(
    scopes: SecurityScopes, request: Request, services: ServicesDep, _: Credentials
) -> ChangeContext:
    """Who makes this request. Refused: 403; then what its query has beside the route's own
    parameters."""
    holder: KeyHolder = request.state.key_holder
    for scope in scopes.scopes:
        refuse_without_scope(holder, cast(ScopeName, scope))
    refuse_unknown_parameters(request)
    return context_of(request, services, f"key:{holder.name}", holder)


def of_all_clients(request: Request) -> None:
    """Of a route that is about the installation. Refused: 403."""
    holder: KeyHolder = request.state.key_holder
    if holder.clients is not None:
        refuse(403, HEADER, "this key is of some clients only", "use a key of all clients")


def context_of(
    request: Request, services: Services, actor: str, holder: KeyHolder | None
) -> ChangeContext:
    trace_id = trace_id_of({"traceparent": request.headers.get("traceparent", "").encode()})
    return ChangeContext(
        actor,
        holder.prefix if holder else None,
        request.state.request_id,
        trace_id,
        services.clock.now(),
        holder,
    )


async def refuse_key(
    services: Services, request: Request, presented: str, network: str
) -> NoReturn:
    """One audit line a minute for each network, so that guessing cannot fill the log; what is no
    key at all does not reach the database."""
    log.warning("key_refused", remote=network)
    is_first = services.failed_keys.count_failure(network)
    if is_first and has_form(presented):
        context = context_of(request, services, "unknown", None)
        await services.apply(context, partial(record_refused_key, remote=network))
    refuse(401, HEADER, "this key is not valid", "check it, or have a new one made")


ClientsRead = Annotated[ChangeContext, Security(caller, scopes=["clients:read"])]
ClientsWrite = Annotated[ChangeContext, Security(caller, scopes=["clients:write"])]
AssistantsRead = Annotated[ChangeContext, Security(caller, scopes=["assistants:read"])]
AssistantsWrite = Annotated[ChangeContext, Security(caller, scopes=["assistants:write"])]
ConversationsWrite = Annotated[ChangeContext, Security(caller, scopes=["conversations:write"])]
SecretsWrite = Annotated[ChangeContext, Security(caller, scopes=["secrets:write"])]
KeysAdmin = Annotated[ChangeContext, Security(caller, scopes=["keys:admin"])]
AuditRead = Annotated[ChangeContext, Security(caller, scopes=["audit:read"])]
OfAllClients = Depends(of_all_clients)
