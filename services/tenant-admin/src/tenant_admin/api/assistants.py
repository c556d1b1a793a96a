"""/v1/assistants"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from tenant_admin.api.access import AssistantsRead, AssistantsWrite
from tenant_admin.api.body_limits import MOST_ASSISTANT, MOST_IMPORT
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.pagination import AfterNumber, AfterText, Limit, Page, page_of
from tenant_admin.api.parameters import MAX_INT, AssistantId
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.assistant_import.files import sources_of
from tenant_admin.assistant_import.run import Report, import_all
from tenant_admin.core import assistants
from tenant_admin.core.assistants import Assistant, AssistantVersion
from tenant_admin.core.schemas import NewAssistant, NewVersion, Publish

router = APIRouter(
    prefix="/v1/assistants",
    tags=["assistants"],
    responses=COMMON_PROBLEMS,
    max_body_size=MOST_ASSISTANT,
)
Version = Annotated[int, Path(ge=1, le=MAX_INT)]
DryRun = Annotated[bool, Query(description="Report only; change nothing")]


@router.get("")
async def list_assistants(
    _: AssistantsRead, services: ServicesDep, after: AfterText = "", limit: Limit = 50
) -> Page[Assistant]:
    """All assistants, by id."""
    page = await services.read(partial(assistants.page, after=after, limit=limit))
    return page_of(page, limit, "assistant_id")


@router.post("", status_code=201, responses=documented_problems(409))
async def add_assistant(
    context: AssistantsWrite, services: ServicesDep, form: NewAssistant
) -> AssistantVersion:
    """Define an assistant; version 1 is published at once."""
    return await services.apply(context, partial(assistants.create, form=form))


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
            "application/json": {"schema": {}, "example": IMPORT_EXAMPLE},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


@router.post("/import", max_body_size=MOST_IMPORT, openapi_extra=IMPORT_BODY)
async def import_assistants(
    context: AssistantsWrite, services: ServicesDep, request: Request, dry_run: DryRun = False
) -> Report:
    """Import assistants or prompts exported from OpenAI or Langfuse.

    Takes one object, an array, a list page, {"assistants": [...]} or JSON Lines. Models that
    ended are replaced. The same content again changes nothing.
    """
    sources = sources_of(await request.body())
    return await services.apply(context, partial(import_all, sources=sources, dry_run=dry_run))


@router.get("/{assistant_id}", responses=documented_problems(404))
async def read_assistant(
    _: AssistantsRead, services: ServicesDep, assistant_id: AssistantId
) -> AssistantVersion:
    """The version that answers."""
    return await services.read(partial(assistants.get_published, assistant_id=assistant_id))


@router.delete("/{assistant_id}", status_code=204, responses=documented_problems(404, 409))
async def delete_assistant(
    context: AssistantsWrite, services: ServicesDep, assistant_id: AssistantId
) -> None:
    """Remove an assistant that no client uses."""
    await services.apply(context, partial(assistants.delete, assistant_id=assistant_id))


@router.get("/{assistant_id}/versions", responses=documented_problems(404))
async def list_versions(
    _: AssistantsRead,
    services: ServicesDep,
    assistant_id: AssistantId,
    after: AfterNumber = 0,
    limit: Limit = 50,
) -> Page[AssistantVersion]:
    """All versions, newest first."""
    query = partial(assistants.versions, assistant_id=assistant_id, after=after, limit=limit)
    return page_of(await services.read(query), limit, "version")


@router.post("/{assistant_id}/versions", status_code=201, responses=documented_problems(404))
async def add_version(
    context: AssistantsWrite, services: ServicesDep, assistant_id: AssistantId, form: NewVersion
) -> AssistantVersion:
    """Change what an assistant says; the new version answers within a second."""
    use_case = partial(
        assistants.add_version, assistant_id=assistant_id, body=form, publish_it=form.publish
    )
    return await services.apply(context, use_case)


@router.get("/{assistant_id}/versions/{version}", responses=documented_problems(404))
async def read_version(
    _: AssistantsRead, services: ServicesDep, assistant_id: AssistantId, version: Version
) -> AssistantVersion:
    """One version."""
    query = partial(assistants.get_version, assistant_id=assistant_id, version=version)
    return await services.read(query)


@router.post("/{assistant_id}/publish", responses=documented_problems(404))
async def publish_version(
    context: AssistantsWrite, services: ServicesDep, assistant_id: AssistantId, form: Publish
) -> AssistantVersion:
    """Let another version answer; an older one rolls back. Repeating it changes nothing."""
    use_case = partial(assistants.publish, assistant_id=assistant_id, version=form.version)
    return await services.apply(context, use_case)
