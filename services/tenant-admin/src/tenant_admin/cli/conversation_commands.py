"""Commands of people who take part in a conversation: take it over, write, resume it."""

from functools import partial
from typing import Annotated

import typer

from tenant_admin.cli.output import AsJson, print_command
from tenant_admin.cli.session import open_session
from tenant_admin.core.conversation_commands import OperatorCommand, send_command
from tenant_admin.core.problems import parsed
from tenant_admin.core.schemas import ContactOf, Say, TakeOver

ClientId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2_147_483_647)]
Contact = Annotated[
    str, typer.Argument(metavar="CONTACT", help="The BSUID, or the phone in digits only")
]
Minutes = Annotated[
    int | None, typer.Option("--minutes", help="0: until it is resumed; else handover_minutes")
]


def take_over(
    client_id: ClientId, contact: Contact, minutes: Minutes = None, as_json: AsJson = False
) -> None:
    """A person has this conversation: the assistant is silent in it."""
    form = parsed(TakeOver, {"minutes": minutes})
    send(client_id, contact, "take_over", as_json, minutes=form.minutes)


def resume(client_id: ClientId, contact: Contact, as_json: AsJson = False) -> None:
    """The assistant has it again, and answers what was written meanwhile."""
    send(client_id, contact, "resume", as_json)


def say(client_id: ClientId, contact: Contact, text: str, as_json: AsJson = False) -> None:
    """Send a person's text, and take the conversation over."""
    send(client_id, contact, "say", as_json, text=parsed(Say, {"text": text}).text)


def opt_out(client_id: ClientId, contact: Contact, as_json: AsJson = False) -> None:
    """The contact gets no message any more."""
    send(client_id, contact, "opt_out", as_json)


def opt_in(client_id: ClientId, contact: Contact, as_json: AsJson = False) -> None:
    """Undo an opt-out, with the contact's consent."""
    send(client_id, contact, "opt_in", as_json)


def send(
    client_id: int,
    contact: str,
    what: OperatorCommand,
    as_json: bool,
    text: str | None = None,
    minutes: int | None = None,
) -> None:
    known = parsed(ContactOf, {"contact": contact}).contact
    use_case = partial(
        send_command,
        client_id=client_id,
        contact=known,
        what=what,
        text=text,
        minutes=minutes,
    )
    with open_session() as session:
        print_command(session.apply(use_case), as_json)


def add_to(app: typer.Typer) -> None:
    for command in (take_over, resume, say, opt_out, opt_in):
        app.command(command.__name__.replace("_", "-"))(command)
