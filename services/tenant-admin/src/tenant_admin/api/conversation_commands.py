"""/v1/clients/{client_id}/conversations/{contact}"""

from functools import partial

from fastapi import APIRouter

from tenant_admin.api.access import ConversationsWrite
from tenant_admin.api.dependencies import ServicesDep
from tenant_admin.api.parameters import ClientId, ContactId
from tenant_admin.api.problem_responses import COMMON_PROBLEMS, documented_problems
from tenant_admin.core.conversation_commands import CommandAccepted, send_command
from tenant_admin.core.schemas import Say, TakeOver

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
