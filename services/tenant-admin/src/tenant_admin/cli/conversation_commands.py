"""Commands of people who take part in a conversation: take it over, write, resume it."""

import asyncio
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tenant_admin.cli.output import AsJson, print_command
from tenant_admin.cli.session import open_session
from tenant_admin.core.conversation_commands import OperatorCommand, send_command
from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import ContactOf, Say, SayFile, TakeOver
from tenant_admin.core.sendable_files import LARGEST_DOCUMENT, SendableFile, sendable_file
from tenant_admin.core.uploaded_files import upload_file, upload_number
from tenant_admin.whatsapp.upload_media import MediaUploads

STDIN = Path("-")  # a container has no file of its operator
ClientId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2_147_483_647)]
Contact = Annotated[
    str, typer.Argument(metavar="CONTACT", help="The BSUID, or the phone in digits only")
]
Minutes = Annotated[
    int | None, typer.Option("--minutes", help="0: until it is resumed; else handover_minutes")
]

Text = Annotated[str | None, typer.Argument(metavar="TEXT", help="As it is; none with --file")]
File = Annotated[
    Path | None,
    typer.Option("--file", help="JPEG, PNG; PDF, DOCX, XLSX, PPTX, plain text; - is stdin"),
]
Name = Annotated[str | None, typer.Option("--name", help="Shown of a document; else the file's")]
Caption = Annotated[str | None, typer.Option("--caption", help="Shown below the file")]


def take_over(
    client_id: ClientId, contact: Contact, minutes: Minutes = None, as_json: AsJson = False
) -> None:
    """A person has this conversation: the assistant is silent in it."""
    form = parsed(TakeOver, {"minutes": minutes})
    send(client_id, contact, "take_over", as_json, minutes=form.minutes)


def resume(client_id: ClientId, contact: Contact, as_json: AsJson = False) -> None:
    """The assistant has it again, and answers what was written meanwhile."""
    send(client_id, contact, "resume", as_json)


def say(
    client_id: ClientId,
    contact: Contact,
    text: Text = None,
    file: File = None,
    name: Name = None,
    caption: Caption = None,
    as_json: AsJson = False,
) -> None:
    """Send a person's text, or an image or document, and take the conversation over."""
    if file is None:
        if caption is not None:
            refuse(422, "caption", "belongs to a file", "name the file with --file")
        form = parsed(Say, {} if text is None else {"text": text})
        send(client_id, contact, "say", as_json, text=form.text)
    elif text is not None:
        refuse(422, "text", "is not sent beside a file", "write it as --caption")
    else:
        send_file(client_id, contact, read_file(file, name), caption, as_json)


def read_file(path: Path, name: str | None) -> SendableFile:
    """Refused: unreadable, of a type that is not sent, too large."""
    is_stdin = path == STDIN
    try:
        with nullcontext(sys.stdin.buffer) if is_stdin else path.open("rb") as file:
            content = file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        refuse(422, "file", f"cannot be read: {error.strerror}", "check the path")
    return sendable_file(name or ("" if is_stdin else path.name), content)


def send_file(
    client_id: int, contact: str, file: SendableFile, caption: str | None, as_json: bool
) -> None:
    """To WhatsApp first: a file that it does not take is no command."""
    known = parsed(ContactOf, {"contact": contact}).contact
    below = parsed(SayFile, {"caption": caption}).caption or None
    with open_session() as session:
        settings = session.settings
        uploads = MediaUploads(str(settings.whatsapp_graph_url), settings.default_access_token)
        number_of = partial(
            upload_number,
            context=session.context,
            ring_path=settings.key_ring_file,
            default=uploads.default_token,
            client_id=client_id,
        )
        sent = asyncio.run(upload_file(uploads, session.read(number_of), file, below))
        use_case = partial(send_command, client_id=client_id, contact=known, what="say", file=sent)
        print_command(session.apply(use_case), as_json)


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
