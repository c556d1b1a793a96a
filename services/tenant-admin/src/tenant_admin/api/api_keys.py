"""/v1/keys and /v1/audit"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query

from tenant_admin.api.access import AuditRead, KeysAdmin
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.responses import (
    COMMON,
    MAX_BIGINT,
    AfterText,
    Limit,
    Page,
    page_of,
    refusals,
)
from tenant_admin.core import api_keys, audit_log
from tenant_admin.core.api_keys import Key, KeyCreated
from tenant_admin.core.audit_log import AuditEntry
from tenant_admin.core.schemas import NewKey

router = APIRouter(prefix="/v1", responses=COMMON)
Prefix = Annotated[str, Path(pattern=r"^[a-z0-9]{8}$")]
AfterEntry = Annotated[
    int | None, Query(ge=0, le=MAX_BIGINT, description="`next` of the page before")
]
About = Annotated[
    str | None,
    Query(alias="object", pattern=r"^[\x21-\x7e]{1,200}$", description="For example client:7"),
]


@router.get("/keys", tags=["keys"])
async def list_keys(
    _: KeysAdmin, services: ServicesDep, after: AfterText = "", limit: Limit = 50
) -> Page[Key]:
    """All keys, by prefix; secrets are not kept."""
    found = await services.read(partial(api_keys.page, after=after, limit=limit))
    return page_of(found, limit, "prefix")


@router.post("/keys", tags=["keys"], status_code=201)
async def add_key(context: KeysAdmin, services: ServicesDep, form: NewKey) -> KeyCreated:
    """Make a key. `key` is shown only in this answer."""
    use_case = partial(
        api_keys.create, name=form.name, scopes=tuple(form.scopes), expires=form.expires
    )
    return await services.apply(context, use_case)


@router.delete("/keys/{prefix}", tags=["keys"], responses=refusals(404))
async def revoke_key(context: KeysAdmin, services: ServicesDep, prefix: Prefix) -> Key:
    """Revoke a key; it is refused from the next request on."""
    return await services.apply(context, partial(api_keys.revoke, prefix=prefix))


@router.get("/audit", tags=["audit"])
async def read_audit_log(
    _: AuditRead,
    services: ServicesDep,
    about: About = None,
    after: AfterEntry = None,
    limit: Limit = 50,
) -> Page[AuditEntry]:
    """Who changed what and when, newest first."""
    found = await services.read(partial(audit_log.page, about=about, after=after, limit=limit))
    return page_of(found, limit, "id")
