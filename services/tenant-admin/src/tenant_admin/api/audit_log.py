"""/v1/audit"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from tenant_admin.api.access import AuditRead
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.pagination import Limit, Page, page_of
from tenant_admin.api.parameters import MAX_BIGINT
from tenant_admin.api.problem_responses import COMMON_PROBLEMS
from tenant_admin.core import audit_log
from tenant_admin.core.audit_log import AuditEntry

router = APIRouter(prefix="/v1", responses=COMMON_PROBLEMS)
AfterEntry = Annotated[
    int | None, Query(ge=0, le=MAX_BIGINT, description="`next` of the page before")
]
About = Annotated[
    str | None,
    Query(
        alias="object",
        pattern=r"^[\x21-\x7e]{1,200}$",
        max_length=200,
        description="For example client:7",
    ),
]


@router.get("/audit", tags=["audit"])
async def read_audit_log(
    context: AuditRead,
    services: ServicesDep,
    about: About = None,
    after: AfterEntry = None,
    limit: Limit = 50,
) -> Page[AuditEntry]:
    """Who changed what and when, newest first."""
    entries = await services.read(
        context, partial(audit_log.page, about=about, after=after, limit=limit + 1)
    )
    return page_of(entries, limit, "id")
