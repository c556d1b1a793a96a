"""What commands print: a table or sentences for people, JSON for machines."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer
from pydantic import BaseModel

from tenant_admin.cli.session import CommandResult
from tenant_admin.core.clients import Client
from tenant_admin.core.field_types import NOT_PRINTABLE

PIPE_WIDTH = 1000
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


def printable(text: str) -> str:
    """Without what would steer the terminal or turn the text around: older versions took it."""
    return NOT_PRINTABLE.sub("", text)


def one_line(text: str) -> str:
    """The same, and nothing that would begin another line."""
    return " ".join(printable(text).split())


def print_json(value: Any) -> None:
    typer.echo(json_text(value))


def print_json_list(values: Iterable[Any]) -> None:
    """One after the other, as they come."""
    typer.echo("[", nl=False)
    for number, value in enumerate(values):
        typer.echo(("," if number else "") + "\n" + json_text(value), nl=False)
    typer.echo("\n]")


def json_text(value: Any) -> str:
    """What would steer the terminal, or turn the text around, is escaped: no program minds."""
    text = orjson.dumps(value, default=to_json, option=orjson.OPT_INDENT_2).decode()
    return NOT_PRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def to_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


def print_change(what: str, result: CommandResult, as_json: bool) -> None:
    """A client's change. The words of the API's notice become the command to type."""
    client = result.value
    if as_json:
        print_json(client.model_dump(mode="json") | {"published": result.published})
        return
    name = printable(client.name)
    typer.echo(f"Client {client.id} ({name}) {what}. {result.message}".rstrip())
    if client.assistant_created:
        typer.echo(
            f"Assistant {client.assistant_id} was not defined yet: it was made from the template.\n"
            f"Fill in the facts of the business:\n"
            f"  python scripts/manage_clients.py assistant edit {client.assistant_id}"
        )


def print_command(result: CommandResult, as_json: bool) -> None:
    """A command that the assistant is to carry out, and where to see what became of it."""
    accepted = result.value
    if as_json:
        print_json(accepted.model_dump(mode="json") | {"published": result.published})
        return
    typer.echo(
        f"Command {accepted.command_id} accepted. {result.message}".rstrip()
        + "\nWhat became of it:\n  python scripts/replay.py list conversations.events"
        f" --conversation {accepted.conversation}"
    )


def print_clients(listed: Sequence[Client], as_json: bool, problems: Mapping[int, str]) -> None:
    """problems: what Meta told, by the id of the client; the column is there when one has any."""
    if as_json:
        print_json(list(listed))
    elif not listed:
        typer.echo('No clients yet. Add one: manage_clients.py add "Name" "+34..." ID asst_...')
    else:
        columns = ("id", "name", "phone_number", "phone_number_id", "assistant_id", "active")
        rows = [[cell_text(getattr(client, name)) for name in columns] for client in listed]
        titles = [name.replace("_", " ") for name in columns]
        if problems:
            titles.append("problems")
            rows = [
                [*row, problems.get(client.id, "")]
                for row, client in zip(rows, listed, strict=True)
            ]
        print_table(titles, rows)


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Names wrap, ids never: operators copy them. In a pipe nothing wraps."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=title not in ("name", "value"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(table)


def print_client(client: Client, as_json: bool) -> None:
    if as_json:
        print_json(client)
        return
    shown = client.model_dump(mode="json")
    settings = shown.pop("settings")
    rows = [(name, cell_text(value)) for name, value in shown.items()]
    rows += [(f"settings.{name}", cell_text(value)) for name, value in settings.items()]
    print_table(("field", "value"), rows)


def cell_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
