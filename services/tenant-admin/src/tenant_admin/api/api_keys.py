"""/v1/keys"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import TypeAdapter

from tenant_admin.api.access import KeysAdmin
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.idempotency_header import Repeatable
from tenant_admin.api.pagination import AfterText, Limit, Page, page_of
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.core import api_keys
from tenant_admin.core.api_keys import Key, KeyCreated
from tenant_admin.core.schemas import NewKey

router = APIRouter(prefix="/v1", responses=COMMON_PROBLEMS)
CREATED = TypeAdapter(KeyCreated)
Prefix = Annotated[str, Path(pattern=r"^[a-z0-9]{8}$", max_length=8)]


@router.get("/keys", tags=["keys"])
async def list_keys(
    context: KeysAdmin, services: ServicesDep, after: AfterText = "", limit: Limit = 50
) -> Page[Key]:
    """Keys, by prefix; for a key of some clients those of these clients. Secrets are not kept."""
    page = await services.read(context, partial(api_keys.page, after=after, limit=limit + 1))
    return page_of(page, limit, "prefix")


@router.post("/keys", tags=["keys"], status_code=201, responses=documented_problems(409))
async def add_key(
    context: KeysAdmin, services: ServicesDep, form: NewKey, key: Repeatable
) -> KeyCreated:
    """Make a key that allows at most what yours does. `key` is shown only in this answer."""
    use_case = partial(api_keys.create, form=form)
    return await services.apply_once(context, use_case, key, CREATED)


@router.delete("/keys/{prefix}", tags=["keys"], responses=documented_problems(404))
async def revoke_key(context: KeysAdmin, services: ServicesDep, prefix: Prefix) -> Key:
    """Revoke a key; it is refused from the next request on."""
    return await services.apply(context, partial(api_keys.revoke, prefix=prefix))
