"""/v1/accounts"""

from functools import partial

from fastapi import APIRouter

from tenant_admin.api.access import ClientsRead, OfAllClients
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.pagination import Limit
from tenant_admin.api.problem_responses import COMMON_PROBLEMS
from tenant_admin.core.account_news import LatestNews, latest_news

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], responses=COMMON_PROBLEMS)


@router.get("/news", dependencies=[OfAllClients])
async def read_news(context: ClientsRead, services: ServicesDep, limit: Limit = 50) -> LatestNews:
    """What Meta told last about WhatsApp Business accounts and their numbers, newest first."""
    return await services.read(context, partial(latest_news, limit=limit))
