"""What commands print: nothing of it steers the terminal, and all of it arrives (M14)."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tenant_admin.cli import terminal

STEERS = "\x1b]0;title\x07\x1b[31m\x9b31m\x7f\x00\u202e\u2066\u2069"
PACKAGE = Path(terminal.__file__).parent
# The first prints; a table is made of what it has cleaned; rings are made by us, and piped.
MAY_PRINT = {"terminal.py", "output.py", "rings.py", "session.py"}
PRINTS = ("typer.echo(", "sys.stdout.write(", "sys.stderr.write(", " print(")


@pytest.mark.parametrize("show", [terminal.say, terminal.show_text, terminal.print_error])
def test_m14_what_steers_a_terminal_is_not_printed(show: object) -> None:
    assert callable(show)
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        show(f"a{STEERS}b")
    assert not set(STEERS) - set("]0;title[31m") & set(printed.getvalue())
    assert printed.getvalue().strip().endswith("b")


def test_m14_in_json_it_is_escaped_and_arrives() -> None:
    value = {"name": f"é {STEERS} ñ \u200e\u061c"}
    printed = io.StringIO()
    with redirect_stdout(printed):
        terminal.print_json(value)
    assert json.loads(printed.getvalue()) == value
    assert "é" in printed.getvalue(), "letters stay as they are"
    steers = set(STEERS) | {"\u200e", "\u061c"}
    assert not (steers - set("]0;title[31m")) & set(printed.getvalue())


def test_m14_commands_print_in_one_place_only() -> None:
    found = [
        f"{path.name}: {call}"
        for path in PACKAGE.glob("*.py")
        if path.name not in MAY_PRINT
        for call in PRINTS
        if call in path.read_text()
    ]
    assert found == []
