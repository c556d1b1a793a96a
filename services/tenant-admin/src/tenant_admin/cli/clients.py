"""`python scripts/manage_clients.py`: the same use-cases as the HTTP API."""

import re
import sys
from functools import partial
from importlib.metadata import version
from typing import Annotated

import typer
from sqlalchemy import Connection

from tenant_admin.cli.assignments import COLUMNS, SETTINGS, patch_of, settings_of
from tenant_admin.cli.assistants import app as assistant_app
from tenant_admin.cli.audit_log import app as audit_app
from tenant_admin.cli.command_line import run
from tenant_admin.cli.conversation_commands import add_to
from tenant_admin.cli.doctor import doctor
from tenant_admin.cli.health_table import print_health, print_healths
from tenant_admin.cli.output import AsJson, print_change, print_client, print_clients
from tenant_admin.cli.rings import app as rings_app
from tenant_admin.cli.session import Session, open_session
from tenant_admin.cli.terminal import printable, say, show_text, translated
from tenant_admin.cli.trace import trace
from tenant_admin.cli.usage_table import print_usage
from tenant_admin.core import client_health, clients
from tenant_admin.core.client_health import ClientHealth
from tenant_admin.core.client_secrets import put, usable_rings
from tenant_admin.core.clients import Client
from tenant_admin.core.filters import ALL_CLIENTS, ClientFilter
from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import NewClient, SecretValue
from tenant_admin.core.usage_counts import MONTH, month_usage

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(assistant_app, name="assistant")
app.add_typer(rings_app, name="rings")
app.add_typer(audit_app, name="audit")


def show_version(asked: bool) -> None:
    if asked:
        show_text(f"manage_clients.py {version('tenant-admin')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version"),
    ] = False,
) -> None:
    """Clients of this installation: businesses with a WhatsApp number and an assistant."""


def known_month(month: str | None) -> str | None:
    if month and not re.fullmatch(MONTH, month):
        refuse(422, "month", "is not a month", "write it as 2026-11")
    return month


ClientId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2_147_483_647)]
OptionalClientId = Annotated[
    int | None, typer.Argument(metavar="[ID]", min=1, max=2_147_483_647, show_default=False)
]
Assignments = Annotated[list[str], typer.Argument(metavar="KEY=VALUE...")]
IfVersion = Annotated[
    int | None,
    typer.Option("--if-version", min=1, help="Only if it is still at the version that you saw"),
]
NewSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, for example language=en"),
]
MonthOption = Annotated[
    str | None,
    typer.Option("--month", metavar="YYYY-MM", callback=known_month, help="Else the current one"),
]
PAGE = 100


@app.command()
def add(
    name: str,
    phone_number: str,
    phone_number_id: str,
    assistant_id: str,
    settings: NewSettings = None,
    as_json: AsJson = False,
) -> None:
    """Add a client; it answers at once. An unknown assistant is made from a template."""
    fields = {
        "name": name,
        "phone_number": phone_number,
        "phone_number_id": phone_number_id,
        "assistant_id": assistant_id,
        "settings": settings_of(settings or ()),
    }
    form = parsed(NewClient, fields)
    with open_session() as session:
        result = session.apply(partial(clients.create, form=form))
    print_change("It answers now.", result, as_json)


@app.command("list")
def list_clients(
    search: Annotated[
        str | None, typer.Option("--search", help="In name, phone or phone_number_id")
    ] = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Only those", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All clients, or those that are asked for."""
    only = ClientFilter(search=search, active=active)
    with open_session() as session:
        listed = session.read(partial(all_clients, only=only))
        healths = session.read(partial(client_health.health_of, listed=listed))
    print_clients(listed, as_json, problems_of(healths))


@app.command()
def show(client_id: ClientId, as_json: AsJson = False) -> None:
    """One client with its settings."""
    with open_session() as session:
        print_client(session.read(partial(clients.get, client_id=client_id)), as_json)


@app.command()
def usage(client_id: ClientId, month: MonthOption = None, as_json: AsJson = False) -> None:
    """What a client has used and sent in a month, by day."""
    with open_session() as session:
        found = session.read(partial(month_usage, client_id=client_id, month=month))
    print_usage(found, as_json)


@app.command()
def health(client_id: OptionalClientId = None, as_json: AsJson = False) -> None:
    """What Meta told about a client's number and account, or about those of all clients."""
    with open_session() as session:
        if client_id is None:
            print_healths(session.read(all_healths), as_json)
        else:
            found = session.read(partial(client_health.health, client_id=client_id))
            print_health(found, as_json)


@app.command()
def activate(client_id: ClientId, as_json: AsJson = False) -> None:
    """Let a client's assistant answer again."""
    with open_session() as session:
        result = session.apply(partial(clients.set_active, client_id=client_id, active=True))
    print_change("It is active.", result, as_json)


@app.command()
def deactivate(client_id: ClientId, as_json: AsJson = False) -> None:
    """Stop a client's assistant; nothing is deleted."""
    with open_session() as session:
        result = session.apply(partial(clients.set_active, client_id=client_id, active=False))
    print_change("It is not active.", result, as_json)


@app.command("set", epilog=f"KEY: {', '.join(sorted({*COLUMNS, *SETTINGS}))}.")
def set_fields(
    client_id: ClientId,
    assignments: Assignments,
    if_version: IfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Change fields or settings, for example language=en quiet_window_ms=2000 model=null."""
    patch = patch_of(assignments)
    use_case = partial(clients.change, client_id=client_id, patch=patch, expected=if_version)
    with open_session() as session:
        result = session.apply(use_case)
    print_change("It was changed.", result, as_json)


@app.command()
def delete(client_id: ClientId, yes: Annotated[bool, typer.Option("--yes")] = False) -> None:
    """Remove a client for good, with its secrets. Refused when somebody changed it meanwhile."""
    with open_session() as session:
        before = session.read(partial(clients.get, client_id=client_id))
        if not yes:
            question = translated(f"Delete client {client_id} ({before.name})?")
            typer.confirm(printable(question), abort=True)
        use_case = partial(clients.delete, client_id=client_id, expected=before.version)
        result = session.apply(use_case)
    say(f"Client {client_id} deleted.", result.message)


@app.command()
def token(client_id: ClientId, as_json: AsJson = False) -> None:
    """Store a client's own WhatsApp access token, read from stdin or a prompt."""
    text = typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    secret = parsed(SecretValue, {"value": text.strip()})
    with open_session() as session:
        put_token(session, client_id, secret, as_json)


add_to(app)
app.command()(trace)
app.command()(doctor)


def put_token(session: Session, client_id: int, secret: SecretValue, as_json: bool) -> None:
    rings = usable_rings(session.settings.key_ring_file)
    result = session.apply(
        partial(put, rings=rings, client_id=client_id, field="access_token", value=secret.value)
    )
    print_change("It has the token.", result, as_json)


def all_clients(connection: Connection, only: ClientFilter = ALL_CLIENTS) -> list[Client]:
    listed: list[Client] = []
    while page := clients.page(connection, listed[-1].id if listed else 0, PAGE, only):
        listed += page
    return listed


def all_healths(connection: Connection) -> list[ClientHealth]:
    return client_health.health_of(connection, all_clients(connection))


def problems_of(healths: list[ClientHealth]) -> dict[int, str]:
    """By the client's id; without those that have none."""
    return {each.client_id: ", ".join(each.problems) for each in healths if each.problems}


def main() -> None:
    run(app, "manage_clients.py")


if __name__ == "__main__":
    main()
