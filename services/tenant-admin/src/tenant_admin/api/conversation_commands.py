"""/v1/clients/{client_id}/conversations/{contact}"""

from functools import partial

from fastapi import APIRouter, Request

from tenant_admin.api.access import ConversationsWrite
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.file_forms import REQUEST_BODY, UNLIMITED
from tenant_admin.api.parameters import ClientId, ContactId
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.core.conversation_commands import CommandAccepted, send_command
from tenant_admin.core.schemas import Say, TakeOver
from tenant_admin.core.uploaded_files import upload_file, upload_number

router = APIRouter(
    prefix="/v1/clients/{client_id}/conversations/{contact}",
    tags=["conversations"],
    responses=COMMON_PROBLEMS | documented_problems(404),
)

USUAL_MINUTES = TakeOver()  # the body may be left out


@router.post("/take-over", status_code=202)
async def take_over(
    context: ConversationsWrite,
    services: ServicesDep,
    client_id: ClientId,
    contact: ContactId,
    form: TakeOver = USUAL_MINUTES,
) -> CommandAccepted:
    """A person has this conversation now: the assistant is silent, and an answer that it is making
    is not sent. What the contact writes meanwhile is answered when it ends, unless a person has.

    Commands are done within a second. The result is an event of the topic `conversations.events`
    with this `command_id`: the new state, or `refused` with a reason.
    """
    use_case = partial(
        send_command, client_id=client_id, contact=contact, what="take_over", minutes=form.minutes
    )
    return await services.apply(context, use_case)


@router.post("/resume", status_code=202)
async def resume(
    context: ConversationsWrite, services: ServicesDep, client_id: ClientId, contact: ContactId
) -> CommandAccepted:
    """The assistant has it again, and answers once what the contact wrote meanwhile.

    Refused where no person has it (`not_handed_over`).
    """
    use_case = partial(send_command, client_id=client_id, contact=contact, what="resume")
    return await services.apply(context, use_case)


@router.post("/say", status_code=202)
async def say(
    context: ConversationsWrite,
    services: ServicesDep,
    client_id: ClientId,
    contact: ContactId,
    form: Say,
) -> CommandAccepted:
    """Send a person's text, as it is. It takes the conversation over, and the time of a handover
    begins anew. Repeated with the same `X-Request-Id` it is sent once.

    Refused where the contact has opted out (`opted_out`), has not written for 23 hours
    (`window_closed`) or never (`unknown_conversation`).
    """
    use_case = partial(
        send_command, client_id=client_id, contact=contact, what="say", text=form.text
    )
    return await services.apply(context, use_case)


@router.post(
    "/say-file",
    status_code=202,
    max_body_size=UNLIMITED,
    openapi_extra=REQUEST_BODY,
    responses=documented_problems(502),
)
async def say_file(
    context: ConversationsWrite,
    services: ServicesDep,
    client_id: ClientId,
    contact: ContactId,
    request: Request,
) -> CommandAccepted:
    """Send a person's image or document, as `say` sends a text: `curl -F file=@menu.pdf`. The file
    goes to WhatsApp at once and is kept nowhere else.

    Refused besides where WhatsApp does not take it; nothing is sent then.
    """
    number_of = partial(
        upload_number,
        context=context,
        ring_path=services.key_ring_file,
        default=services.uploads.default_token,
        client_id=client_id,
    )
    number = await services.read(context, number_of)
    async with services.file_forms.opened(request) as form:
        file = await upload_file(services.uploads, number, form.file, form.caption)
    use_case = partial(send_command, client_id=client_id, contact=contact, what="say", file=file)
    return await services.apply(context, use_case)


@router.post("/opt-out", status_code=202)
async def opt_out(
    context: ConversationsWrite, services: ServicesDep, client_id: ClientId, contact: ContactId
) -> CommandAccepted:
    """The contact gets no message any more, and no notice of this; a word of theirs undoes it."""
    use_case = partial(send_command, client_id=client_id, contact=contact, what="opt_out")
    return await services.apply(context, use_case)


@router.post("/opt-in", status_code=202)
async def opt_in(
    context: ConversationsWrite, services: ServicesDep, client_id: ClientId, contact: ContactId
) -> CommandAccepted:
    """Undo an opt-out, with the contact's consent."""
    use_case = partial(send_command, client_id=client_id, contact=contact, what="opt_in")
    return await services.apply(context, use_case)
