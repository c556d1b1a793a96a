"""`python -m devkit.stack demo|smoke|up|load`."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from devkit.check_result import first_cause, print_result
from devkit.loadtest.options import LoadOptions
from devkit.stack import demo as foreground
from devkit.stack import smoke as headless
from devkit.stack.server_process import CannotStart
from devkit.stack.system_under_load import run_under_load

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def demo() -> None:
    """Everything on this machine, with a WhatsApp page to chat in."""
    in_foreground(foreground.demo())


@app.command()
def up() -> None:
    """The services, Kafka and PostgreSQL only, for a real WhatsApp and OpenAI."""
    in_foreground(foreground.up())


@app.command()
def smoke() -> None:
    """The whole system once, headless; one JSON line, exit code 0 or 1."""
    raise typer.Exit(print_result(lambda: asyncio.run(headless.smoke())))


@app.command()
def load(
    clients: int = 3,
    contacts: int = 120,
    messages: int = 4,
    rate: float = 50.0,
    duplicates: Annotated[int, typer.Option(help="how often each webhook is posted")] = 2,
    kill: Annotated[str, typer.Option(help="services to kill -9 once, e.g. router,sender")] = "",
) -> None:
    """Load through the whole system; the ledger on one JSON line, exit code 0 or 1."""
    names = tuple(name.strip() for name in kill.split(",") if name.strip())
    options = LoadOptions(clients, contacts, messages, rate, duplicates, disturbed=bool(names))
    report = asyncio.run(run_under_load(options, names))
    print(report.as_json_line())
    raise typer.Exit(0 if report.ok else 1)


def in_foreground(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; nothing is left running.")
    except (CannotStart, ExceptionGroup) as error:
        sys.stderr.write(f"{first_cause(error)}\n")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
