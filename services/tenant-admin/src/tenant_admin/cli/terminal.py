"""All that commands print goes through here: in the operator's language, and without what would
steer a terminal or turn a text around. Names and texts of others may hold it."""

import re
import sys
from collections.abc import Iterable
from typing import Any

import orjson
import typer
from pydantic import BaseModel

from tenant_admin.cli.spanish import texts
from tenant_admin.core.field_types import CONTROL, NOT_PRINTABLE
from tenant_admin.core.problems import FieldProblem

TO_ESCAPE = re.compile(f"(?!\\n)[{CONTROL}]")


def printable(text: str) -> str:
    return NOT_PRINTABLE.sub("", text)


def one_line(text: str) -> str:
    """The same, and nothing that would begin another line."""
    return " ".join(printable(text).split())


def translated(text: str) -> str:
    return texts()(text)


def say(*sentences: str, to_stderr: bool = False) -> None:
    """Each is a whole text of the catalog; empty ones are left out."""
    line = " ".join(translated(sentence) for sentence in sentences if sentence)
    typer.echo(printable(line), err=to_stderr)


def show_text(text: str, to_stderr: bool = False) -> None:
    """Somebody's own words, or none of a language."""
    typer.echo(printable(text), err=to_stderr)


def print_json(value: Any) -> None:
    typer.echo(json_text(value))


def print_json_list(values: Iterable[Any]) -> None:
    """One after the other, as they come."""
    typer.echo("[", nl=False)
    for number, value in enumerate(values):
        typer.echo(("," if number else "") + "\n" + json_text(value), nl=False)
    typer.echo("\n]")


def json_text(value: Any) -> str:
    """Every character arrives, those that steer a terminal escaped."""
    text = orjson.dumps(value, default=to_json, option=orjson.OPT_INDENT_2).decode()
    return TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


def problem_line(problem: FieldProblem) -> str:
    return f"{problem.field}: {translated(problem.message)}; {translated(problem.fix)}"


def print_error(line: str) -> None:
    sys.stderr.write(f"error: {printable(line)}\n")
