"""/v1/audit"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from tenant_admin.api.access import AuditRead
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.pagination import Limit, Page, page_of
from tenant_admin.api.parameters import MAX_BIGINT, MAX_INT
from tenant_admin.api.problem_responses import COMMON_PROBLEMS
from tenant_admin.api.query import Text
from tenant_admin.core import audit_log
from tenant_admin.core.audit_log import AuditEntry
from tenant_admin.core.field_types import Moment
from tenant_admin.core.filters import AuditFilter

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
Actor = Annotated[Text, Query(description="For example key:crm, cli:ana@server")]
Action = Annotated[Text, Query(description="For example client.change")]
OfClient = Annotated[
    int | None, Query(alias="client", ge=1, le=MAX_INT, description="Id of a client")
]
Since = Annotated[Moment | None, Query(description="Not older than this")]
Until = Annotated[Moment | None, Query(description="Older than this")]


@router.get("/audit", tags=["audit"])
async def read_audit_log(
    context: AuditRead,
    services: ServicesDep,
    about: About = None,
    actor: Actor = None,
    action: Action = None,
    client: OfClient = None,
    since: Since = None,
    until: Until = None,
    after: AfterEntry = None,
    limit: Limit = 50,
) -> Page[AuditEntry]:
    """Who changed what and when, newest first."""
    only = AuditFilter(actor, action, about, client, since, until)
    query = partial(audit_log.page, only=only, after=after, limit=limit + 1)
    entries = await services.read(context, query)
    return page_of(entries, limit, "id")
