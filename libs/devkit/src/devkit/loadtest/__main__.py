"""`python -m devkit.loadtest clients|smoke|load`, against a running installation."""

import asyncio
from time import monotonic
from typing import Annotated, Any

import typer

from common.service.settings import load as from_environment
from devkit.businesses import DEMO, DemoClient
from devkit.check_result import print_result
from devkit.loadtest.conversations import converse, ensure_clients, show_clients
from devkit.loadtest.installation import Installation
from devkit.loadtest.options import LoadOptions, load_installation

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Others = Annotated[
    list[str] | None,
    typer.Option("--client", help="one that is there: NAME,+PHONE,PHONE_NUMBER_ID"),
]


@app.command()
def clients() -> None:
    """Adds the demo's two clients, if they are not there."""
    asyncio.run(ensure_clients(installation(), DEMO))
    print(f"clients: {', '.join(client.name for client in DEMO)}")


@app.command()
def smoke(client: Others = None) -> None:
    """Chats with the demo's clients and those named; one JSON line, exit code 0 or 1."""
    others = [named(text) for text in client or []]
    raise typer.Exit(print_result(lambda: asyncio.run(chatted(installation(), others))))


@app.command()
def load(
    clients: int = 3,
    contacts: int = 120,
    messages: int = 4,
    rate: float = 50.0,
    duplicates: Annotated[int, typer.Option(help="how often each webhook is posted")] = 2,
    disturbed: Annotated[bool, typer.Option(help="services restart meanwhile")] = False,
) -> None:
    """Load with a ledger on one JSON line; exit code 0 or 1."""
    options = LoadOptions(clients, contacts, messages, rate, duplicates, disturbed)
    report = asyncio.run(load_installation(installation(), options))
    print(report.as_json_line())
    raise typer.Exit(0 if report.ok else 1)


def installation() -> Installation:
    return from_environment(Installation)


async def chatted(installation: Installation, others: list[DemoClient]) -> dict[str, Any]:
    began, clients = monotonic(), [*DEMO, *others]
    await ensure_clients(installation, DEMO)
    await show_clients(installation, clients)
    replies = await converse(installation, clients)
    seconds = round(monotonic() - began, 1)
    return {"ok": True, "clients": len(clients), "replies": replies, "seconds": seconds}


def named(text: str) -> DemoClient:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        raise typer.BadParameter(f"{text!r} is not NAME,+PHONE,PHONE_NUMBER_ID")
    name, phone_number, phone_number_id = parts
    return DemoClient(name, phone_number, phone_number_id, assistant_id="", instructions="")


if __name__ == "__main__":
    app()
