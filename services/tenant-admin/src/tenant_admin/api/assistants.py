"""/v1/assistants"""

from asyncio import to_thread
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import TypeAdapter

from common.postgres.errors import is_timeout
from tenant_admin.api.access import AssistantsRead, AssistantsWrite, OfAllClients
from tenant_admin.api.body_limits import MOST_ASSISTANT, MOST_IMPORT
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.etag import Expected, set_etag
from tenant_admin.api.idempotency_header import Repeatable
from tenant_admin.api.pagination import AfterNumber, AfterText, Limit, Page, page_of
from tenant_admin.api.parameters import MAX_INT, AssistantId
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.api.query import DryRun, NamePrefix, Search
from tenant_admin.assistant_import.files import MAX_ITEMS, sources_of
from tenant_admin.assistant_import.run import Report, import_all
from tenant_admin.assistant_import.version_plan import translate_all
from tenant_admin.core import assistants
from tenant_admin.core.assistants import (
    Assistant,
    AssistantVersion,
    CurrentVersion,
)
from tenant_admin.core.filters import AssistantFilter
from tenant_admin.core.problems import refuse
from tenant_admin.core.schemas import NewAssistant, NewVersion, Publish

router = APIRouter(
    prefix="/v1/assistants",
    tags=["assistants"],
    responses=COMMON_PROBLEMS,
    max_body_size=MOST_ASSISTANT,
)
CURRENT = TypeAdapter(CurrentVersion)
Version = Annotated[int, Path(ge=1, le=MAX_INT)]


@router.get("")
async def list_assistants(
    context: AssistantsRead,
    services: ServicesDep,
    name: NamePrefix = None,
    search: Search = None,
    after: AfterText = "",
    limit: Limit = 50,
) -> Page[Assistant]:
    """All assistants, by id, or those that every filter lets through. `search` looks at name and
    id."""
    only = AssistantFilter(name, search)
    page = await services.read(
        context, partial(assistants.page, after=after, limit=limit + 1, only=only)
    )
    return page_of(page, limit, "assistant_id")


@router.post("", status_code=201, responses=documented_problems(409), dependencies=[OfAllClients])
async def add_assistant(
    context: AssistantsWrite,
    services: ServicesDep,
    form: NewAssistant,
    key: Repeatable,
    response: Response,
) -> AssistantVersion:
    """Define an assistant; version 1 is published at once."""
    use_case = partial(assistants.create, form=form)
    created = await services.apply_once(context, use_case, key, CURRENT)
    response.headers["Location"] = f"/v1/assistants/{form.assistant_id}"
    return with_etag(response, created)


IMPORT_EXAMPLE = {
    "id": "asst_abc123xyz",
    "object": "assistant",
    "name": "La Plaza",
    "model": "gpt-4o-mini",
    "instructions": "You are the assistant of Restaurante La Plaza.",
    "tools": [],
}
IMPORT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        {"type": "object"},
                        {"type": "array", "items": {"type": "object"}, "maxItems": MAX_ITEMS},
                    ]
                },
                "example": IMPORT_EXAMPLE,
            },
            "application/x-ndjson": {"schema": {"type": "string", "maxLength": 8 << 20}},
        },
    }
}


@router.post(
    "/import",
    max_body_size=MOST_IMPORT,
    openapi_extra=IMPORT_BODY,
    dependencies=[OfAllClients],
)
async def import_assistants(
    context: AssistantsWrite, services: ServicesDep, request: Request, dry_run: DryRun = False
) -> Report:
    """Import assistants or prompts exported from OpenAI or Langfuse.

    Takes one object, an array, a list page, {"assistants": [...]} or JSON Lines. Models that
    ended are replaced. The same content again changes nothing. At most 500 at once.
    """
    body = await request.body()
    translations = await to_thread(lambda: translate_all(sources_of(body)))
    use_case = partial(import_all, translations=translations, dry_run=dry_run)
    try:
        return await services.apply_many(context, use_case)
    except Exception as error:
        if is_timeout(error):
            refuse(503, "file", "took too long to store", "send fewer assistants at once")
        raise


@router.get("/{assistant_id}", responses=documented_problems(404))
async def read_assistant(
    context: AssistantsRead, services: ServicesDep, assistant_id: AssistantId, response: Response
) -> AssistantVersion:
    """The version that answers; the ETag is the assistant's."""
    read = await services.read(
        context, partial(assistants.get_published, assistant_id=assistant_id)
    )
    return with_etag(response, read)


@router.delete(
    "/{assistant_id}", status_code=204, responses=documented_problems(404, 409, 412, 428)
)
async def delete_assistant(
    context: AssistantsWrite,
    services: ServicesDep,
    assistant_id: AssistantId,
    expected: Expected,
) -> None:
    """Remove an assistant that no client uses."""
    use_case = partial(assistants.delete, assistant_id=assistant_id, expected=expected)
    await services.apply(context, use_case)


@router.get("/{assistant_id}/versions", responses=documented_problems(404))
async def list_versions(
    context: AssistantsRead,
    services: ServicesDep,
    assistant_id: AssistantId,
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[AssistantVersion]:
    """All versions, newest first."""
    query = partial(assistants.versions, assistant_id=assistant_id, after=after, limit=limit + 1)
    return page_of(await services.read(context, query), limit, "version")


@router.post(
    "/{assistant_id}/versions", status_code=201, responses=documented_problems(404, 412, 428)
)
async def add_version(
    context: AssistantsWrite,
    services: ServicesDep,
    assistant_id: AssistantId,
    form: NewVersion,
    expected: Expected,
    key: Repeatable,
    response: Response,
) -> AssistantVersion:
    """Change what an assistant says; the new version answers within a second."""
    use_case = partial(
        assistants.add_version,
        assistant_id=assistant_id,
        body=form,
        publish_it=form.publish,
        expected=expected,
    )
    added = await services.apply_once(context, use_case, key, CURRENT)
    response.headers["Location"] = f"/v1/assistants/{assistant_id}/versions/{added.version.version}"
    return with_etag(response, added)


@router.get("/{assistant_id}/versions/{version}", responses=documented_problems(404))
async def read_version(
    context: AssistantsRead, services: ServicesDep, assistant_id: AssistantId, version: Version
) -> AssistantVersion:
    """One version."""
    query = partial(assistants.get_version, assistant_id=assistant_id, version=version)
    return await services.read(context, query)


@router.post("/{assistant_id}/publish", responses=documented_problems(404, 412, 428))
async def publish_version(
    context: AssistantsWrite,
    services: ServicesDep,
    assistant_id: AssistantId,
    form: Publish,
    expected: Expected,
    response: Response,
) -> AssistantVersion:
    """Let another version answer; an older one rolls back. Where it does already, nothing
    changes."""
    use_case = partial(
        assistants.publish, assistant_id=assistant_id, version=form.version, expected=expected
    )
    return with_etag(response, await services.apply(context, use_case))


def with_etag(response: Response, current: CurrentVersion) -> AssistantVersion:
    set_etag(response, current.changes)
    return current.version
