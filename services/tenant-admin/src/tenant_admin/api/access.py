"""Who may do what: each route declares one scope, and the key must have it."""

from functools import partial
from typing import Annotated, NoReturn

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from common.service.tracing import trace_id_of
from tenant_admin.api.office import AnOffice, Office
from tenant_admin.change import Cause
from tenant_admin.keys import Holder, authenticate, bootstrap_holder, refused_key
from tenant_admin.problems import refuse

log = structlog.get_logger()
bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key (csj_...)")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
HEADER = "Authorization"


async def caller(
    scopes: SecurityScopes, request: Request, office: AnOffice, credentials: Credentials
) -> Cause:
    """The cause of this request's changes. Refused: 401, 403, and 429 after many wrong keys."""
    if credentials is None:
        refuse(401, HEADER, "is missing", "send Authorization: Bearer <API key>")
    holder = await holder_of(office, credentials.credentials)
    if holder is None:
        remote = request.client.host if request.client else "unknown"
        await refuse_key(office, cause_of(request, office, "unknown", None), remote)
    for scope in scopes.scopes:
        if scope not in holder.scopes:
            refuse(403, HEADER, f"this key lacks the scope {scope}", "use a key that has it")
    return cause_of(request, office, f"key:{holder.name}", holder.prefix)


def cause_of(request: Request, office: Office, actor: str, prefix: str | None) -> Cause:
    trace_id = trace_id_of({"traceparent": request.headers.get("traceparent", "").encode()})
    return Cause(actor, prefix, request.state.request_id, trace_id, office.clock.now())


async def holder_of(office: Office, presented: str) -> Holder | None:
    holder = bootstrap_holder(presented, office.bootstrap_key)
    now = office.clock.now()
    return holder or await office.read(partial(authenticate, presented=presented, now=now))


async def refuse_key(office: Office, cause: Cause, remote: str) -> NoReturn:
    """Audited until the brake holds, so that guessing cannot fill the log."""
    log.warning("key_refused", remote=remote)
    if office.failed_keys.exceeded(remote):
        refuse(429, HEADER, "too many wrong keys from this address", "wait a minute")
    await office.apply(cause, partial(refused_key, remote=remote))
    refuse(401, HEADER, "this key is not valid", "check it, or have a new one made")


ClientsRead = Annotated[Cause, Security(caller, scopes=["clients:read"])]
ClientsWrite = Annotated[Cause, Security(caller, scopes=["clients:write"])]
AssistantsRead = Annotated[Cause, Security(caller, scopes=["assistants:read"])]
AssistantsWrite = Annotated[Cause, Security(caller, scopes=["assistants:write"])]
KeysAdmin = Annotated[Cause, Security(caller, scopes=["keys:admin"])]
AuditRead = Annotated[Cause, Security(caller, scopes=["audit:read"])]
