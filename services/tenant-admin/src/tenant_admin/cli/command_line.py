"""How a command line is run: its help and its errors in the operator's language."""

import io
import re
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tenant_admin.cli.session import exit_on_expected_errors
from tenant_admin.cli.terminal import say, translated
from tenant_admin.core.problems import refuse

NUMBER = re.compile("-[0-9]+")


class Command(TyperCommand):
    """A negative number is a wrong value of an argument, and no option that is not known."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.ignore_unknown_options = any(NUMBER.fullmatch(word) for word in args)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:
        return help_lines(super().get_help(ctx))


class CommandGroup(TyperGroup):
    def get_help(self, ctx: Any) -> str:
        return help_lines(super().get_help(ctx))


def help_lines(text: str) -> str:
    """Headings and what every command has; the rest was translated before it was laid out."""
    return "\n".join(map(translated, text.splitlines()))


def run(app: typer.Typer, name: str) -> None:
    """A script's whole main(). `name`: what people type."""
    with exit_on_expected_errors():
        sys.exit(run_command(localized(app), name))


def localized(app: typer.Typer) -> Any:
    """The command of Typer's, with texts in the operator's language."""
    use_own_classes(app)
    command = get_command(app)
    translate_help(command)
    return command


def use_own_classes(app: typer.Typer) -> None:
    app.info.cls = CommandGroup
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        if group.typer_instance:
            group.cls = CommandGroup
            use_own_classes(group.typer_instance)


def translate_help(command: Any) -> None:
    if command.help:
        command.help = translated(command.help)
    if command.epilog:
        command.epilog = translated(command.epilog)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = translated(parameter.help)
    for each in getattr(command, "commands", {}).values():
        translate_help(each)


def run_command(command: Any, name: str, words: Sequence[str] | None = None) -> int:
    """The exit code."""
    refuse_other_bytes(sys.argv[1:] if words is None else words)
    try:
        return command.main(words, prog_name=name, standalone_mode=False) or 0
    except typer.exceptions.TyperException as error:
        show_error(error)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        say("Aborted.", to_stderr=True)
        return 1


def refuse_other_bytes(words: Sequence[str]) -> None:
    """Bytes that are not UTF-8 are halves of characters here, which no event may hold."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode(errors="replace").decode()
            refuse(422, shown, "holds bytes that are no text", "copy it again")


def show_error(error: Any) -> None:
    shown = io.StringIO()
    error.show(file=shown)
    for line in shown.getvalue().rstrip("\n").split("\n"):
        _, mark, message = line.partition("Error: ")
        say(*(("Error:", message) if mark else (line,)), to_stderr=True)
