"""What commands print: a table or sentences for people, JSON for machines."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import orjson
import typer

from common.topics import CONVERSATIONS_EVENTS
from tenant_admin.cli.session import CommandResult
from tenant_admin.cli.terminal import print_json as print_json
from tenant_admin.cli.terminal import printable as printable
from tenant_admin.cli.terminal import say, translated
from tenant_admin.core.clients import Client

PIPE_WIDTH = 1000
WRAPPED = ("name", "value", "reason", "text", "what was seen", "what to do")
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout")]


def print_change(what: str, result: CommandResult, as_json: bool) -> None:
    """A client's change; `what`: such as `Client changed.` The words of the API's notice become the
    command to type."""
    client = result.value
    if as_json:
        print_json(client.model_dump(mode="json") | {"published": result.published})
        return
    say(f"Client {client.id} ({client.name}):", what, result.message)
    if client.assistant_created:
        say(f"Assistant {client.assistant_id} was not defined yet: it was made from the template.")
        say("Fill in the facts of the business:")
        say(f"  python scripts/manage_clients.py assistant edit {client.assistant_id}")


def print_command(result: CommandResult, as_json: bool) -> None:
    """A command that the assistant is to carry out, and where to see what became of it."""
    accepted = result.value
    if as_json:
        print_json(accepted.model_dump(mode="json") | {"published": result.published})
        return
    say(f"Command {accepted.command_id} accepted.", result.message)
    say("What became of it:")
    topic = CONVERSATIONS_EVENTS.name
    say(f"  python scripts/replay.py list {topic} --conversation {accepted.conversation}")


def print_clients(listed: Sequence[Client], as_json: bool, problems: Mapping[int, str]) -> None:
    """problems: what Meta told, by the id of the client; the column is there when one has any."""
    if as_json:
        print_json(list(listed))
    elif not listed:
        say('No clients. Add one: manage_clients.py add "Name" "+34..." ID asst_...')
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
    """Names and sentences wrap, ids never: operators copy them. In a pipe nothing wraps."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(translated(title), no_wrap=title not in WRAPPED, overflow="fold")
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
        return translated("yes" if value else "no")
    return value if isinstance(value, str) else orjson.dumps(value).decode()
