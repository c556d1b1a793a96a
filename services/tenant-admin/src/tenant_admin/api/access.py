"""Who may do what: each route declares one scope, and the key must have it."""

from functools import partial
from typing import Annotated, NoReturn

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from common.service.tracing import trace_id_of
from tenant_admin.api.dependencies import Services, ServicesDep
from tenant_admin.api.query import refuse_unknown_parameters
from tenant_admin.core.api_keys import KeyHolder, authenticate, bootstrap_holder, record_refused_key
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.problems import refuse

log = structlog.get_logger()
bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key (csj_...)")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
HEADER = "Authorization"


async def caller(
    scopes: SecurityScopes, request: Request, services: ServicesDep, credentials: Credentials
) -> ChangeContext:
    """Who makes this request. Refused: 401, 403, and 429 after many wrong keys; then what its query
    has beside the route's own parameters."""
    if credentials is None:
        refuse(401, HEADER, "is missing", "send Authorization: Bearer <API key>")
    holder = await holder_of(services, credentials.credentials)
    if holder is None:
        remote = request.client.host if request.client else "unknown"
        await refuse_key(services, context_of(request, services, "unknown", None), remote)
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


async def holder_of(services: Services, presented: str) -> KeyHolder | None:
    holder = bootstrap_holder(presented, services.bootstrap_key)
    now = services.clock.now()
    return holder or await services.read(partial(authenticate, presented=presented, now=now))


async def refuse_key(services: Services, context: ChangeContext, remote: str) -> NoReturn:
    """Audited until the limit is reached, so that guessing cannot fill the log."""
    log.warning("key_refused", remote=remote)
    if services.failed_keys.count_failure(remote):
        refuse(429, HEADER, "too many wrong keys from this address", "wait a minute")
    await services.apply(context, partial(record_refused_key, remote=remote))
    refuse(401, HEADER, "this key is not valid", "check it, or have a new one made")


ClientsRead = Annotated[ChangeContext, Security(caller, scopes=["clients:read"])]
ClientsWrite = Annotated[ChangeContext, Security(caller, scopes=["clients:write"])]
AssistantsRead = Annotated[ChangeContext, Security(caller, scopes=["assistants:read"])]
AssistantsWrite = Annotated[ChangeContext, Security(caller, scopes=["assistants:write"])]
ConversationsWrite = Annotated[ChangeContext, Security(caller, scopes=["conversations:write"])]
KeysAdmin = Annotated[ChangeContext, Security(caller, scopes=["keys:admin"])]
AuditRead = Annotated[ChangeContext, Security(caller, scopes=["audit:read"])]
