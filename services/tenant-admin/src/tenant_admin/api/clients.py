"""/v1/clients"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import TypeAdapter
from sqlalchemy import Connection

from common.key_rings import SecretField
from tenant_admin.api.access import ClientsRead, ClientsWrite, OfAllClients, SecretsWrite
from tenant_admin.api.dependencies import Services, ServicesDep
from tenant_admin.api.etag import Expected, set_etag
from tenant_admin.api.idempotency_header import Repeatable
from tenant_admin.api.pagination import AfterNumber, Limit, Page, page_of
from tenant_admin.api.parameters import ClientId, Month
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.api.query import NamePrefix, OnlyActive, Search
from tenant_admin.core import client_secrets, clients
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.client_health import ClientHealth, health
from tenant_admin.core.clients import Client, ClientChanged
from tenant_admin.core.field_types import ASSISTANT_ID, PHONE_NUMBER_ID
from tenant_admin.core.filters import ClientFilter
from tenant_admin.core.schemas import ClientPatch, NewClient, SecretValue
from tenant_admin.core.usage_counts import MonthUsage, month_usage

router = APIRouter(prefix="/v1/clients", tags=["clients"], responses=COMMON_PROBLEMS)
OfNumber = Annotated[str | None, Query(pattern=PHONE_NUMBER_ID, max_length=20)]
OfAssistant = Annotated[str | None, Query(pattern=ASSISTANT_ID, max_length=128)]
CREATED = TypeAdapter(ClientChanged)
ChangeClient = Callable[[Connection, ChangeContext], Change[ClientChanged]]


@router.get("")
async def list_clients(
    context: ClientsRead,
    services: ServicesDep,
    active: OnlyActive = None,
    name: NamePrefix = None,
    phone_number_id: OfNumber = None,
    assistant_id: OfAssistant = None,
    search: Search = None,
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[Client]:
    """All clients, by id, or those that every filter lets through. `search` looks at name, phone
    and phone_number_id."""
    only = ClientFilter(active, name, phone_number_id, assistant_id, search)
    page = await services.read(
        context, partial(clients.page, after=after, limit=limit + 1, only=only)
    )
    return page_of(page, limit, "id")


@router.post("", status_code=201, responses=documented_problems(409), dependencies=[OfAllClients])
async def add_client(
    context: ClientsWrite,
    services: ServicesDep,
    form: NewClient,
    key: Repeatable,
    response: Response,
) -> ClientChanged:
    """Add a client. It is active and answers within a second.

    An assistant that is not defined yet is made from a template in the client's language;
    `notice` then says how to fill in the facts of the business.
    """
    use_case = partial(clients.create, form=form)
    created = await services.apply_once(context, use_case, key, CREATED)
    response.headers["Location"] = f"/v1/clients/{created.id}"
    set_etag(response, created.version)
    return created


@router.get("/{client_id}", responses=documented_problems(404))
async def read_client(
    context: ClientsRead, services: ServicesDep, client_id: ClientId, response: Response
) -> Client:
    """One client; the ETag is its version."""
    client = await services.read(context, partial(clients.get, client_id=client_id))
    set_etag(response, client.version)
    return client


@router.patch("/{client_id}", responses=documented_problems(404, 409, 412, 428))
async def change_client(
    context: ClientsWrite,
    services: ServicesDep,
    client_id: ClientId,
    patch: ClientPatch,
    expected: Expected,
    response: Response,
) -> ClientChanged:
    """Change the fields and settings that you send. A setting that is null gets its default.

    Another number or phone needs the scope `numbers:write` too.
    """
    use_case = partial(clients.change, client_id=client_id, patch=patch, expected=expected)
    return await apply_change(context, services, use_case, response)


@router.delete("/{client_id}", status_code=204, responses=documented_problems(404, 412, 428))
async def delete_client(
    context: ClientsWrite, services: ServicesDep, client_id: ClientId, expected: Expected
) -> None:
    """Remove a client and its secrets for good."""
    await services.apply(context, partial(clients.delete, client_id=client_id, expected=expected))


@router.post("/{client_id}/activate", responses=documented_problems(404, 412, 428))
async def activate_client(
    context: ClientsWrite,
    services: ServicesDep,
    client_id: ClientId,
    expected: Expected,
    response: Response,
) -> ClientChanged:
    """Let the assistant answer again. Where it does already, nothing changes."""
    use_case = partial(clients.set_active, client_id=client_id, active=True, expected=expected)
    return await apply_change(context, services, use_case, response)


@router.post("/{client_id}/deactivate", responses=documented_problems(404, 412, 428))
async def deactivate_client(
    context: ClientsWrite,
    services: ServicesDep,
    client_id: ClientId,
    expected: Expected,
    response: Response,
) -> ClientChanged:
    """Stop the assistant; nothing is deleted. Where it is stopped already, nothing changes."""
    use_case = partial(clients.set_active, client_id=client_id, active=False, expected=expected)
    return await apply_change(context, services, use_case, response)


@router.get("/{client_id}/usage", responses=documented_problems(404))
async def read_usage(
    context: ClientsRead, services: ServicesDep, client_id: ClientId, month: Month = None
) -> MonthUsage:
    """What the client has used and sent in a month, by day. At most half a minute old."""
    return await services.read(context, partial(month_usage, client_id=client_id, month=month))


@router.get("/{client_id}/health", responses=documented_problems(404))
async def read_health(
    context: ClientsRead, services: ServicesDep, client_id: ClientId
) -> ClientHealth:
    """What Meta told about the client's number and its account: bans, restrictions, quality,
    throughput, payment, templates. A few seconds old."""
    return await services.read(context, partial(health, client_id=client_id))


@router.put("/{client_id}/secrets/{field}", responses=documented_problems(404, 412, 428))
async def put_secret(
    context: SecretsWrite,
    services: ServicesDep,
    client_id: ClientId,
    field: SecretField,
    secret: SecretValue,
    expected: Expected,
    response: Response,
) -> ClientChanged:
    """Give the client its own WhatsApp token or OpenAI key. It can never be read again."""
    rings = client_secrets.usable_rings(services.key_ring_file)
    use_case = partial(
        client_secrets.put,
        rings=rings,
        client_id=client_id,
        field=field,
        value=secret.value,
        expected=expected,
    )
    return await apply_change(context, services, use_case, response)


@router.delete("/{client_id}/secrets/{field}", responses=documented_problems(404, 412, 428))
async def remove_secret(
    context: SecretsWrite,
    services: ServicesDep,
    client_id: ClientId,
    field: SecretField,
    expected: Expected,
    response: Response,
) -> ClientChanged:
    """Go back to the installation's default token or key."""
    use_case = partial(client_secrets.remove, client_id=client_id, field=field, expected=expected)
    return await apply_change(context, services, use_case, response)


async def apply_change(
    context: ChangeContext, services: Services, use_case: ChangeClient, response: Response
) -> ClientChanged:
    """The ETag of the response is the client's new version."""
    changed = await services.apply(context, use_case)
    set_etag(response, changed.version)
    return changed
