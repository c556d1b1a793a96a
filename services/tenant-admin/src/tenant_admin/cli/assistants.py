"""Commands for assistants: what they say, and which version answers."""

import shlex
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import Connection

from tenant_admin.cli.output import AsJson, print_table
from tenant_admin.cli.session import CommandResult, open_session
from tenant_admin.cli.terminal import print_json, problem_line, say, show_text
from tenant_admin.core import assistants
from tenant_admin.core.assistants import BODY, Assistant, AssistantVersion
from tenant_admin.core.problems import parsed, refuse
from tenant_admin.core.schemas import NewVersion

if TYPE_CHECKING:
    from tenant_admin.assistant_import.run import Report

app = typer.Typer(help="Assistants: what they say, and which version answers.")
AssistantId = Annotated[str, typer.Argument(metavar="ASSISTANT_ID")]
ImportFile = Annotated[typer.FileBinaryRead, typer.Argument(metavar="FILE")]
File = Annotated[typer.FileText, typer.Option("--file", encoding="utf-8", help="- for stdin")]
PAGE = 100


@app.command("list")
def list_assistants(as_json: AsJson = False) -> None:
    """All assistants."""
    with open_session() as session:
        listed = session.read(all_assistants)
    if as_json:
        print_json(listed)
        return
    print_table(
        ("assistant id", "name", "published", "latest"),
        [
            (row.assistant_id, row.name, str(row.published_version), str(row.latest_version))
            for row in listed
        ],
    )


@app.command()
def show(assistant_id: AssistantId, as_json: AsJson = False) -> None:
    """The version that answers."""
    with open_session() as session:
        version, _ = session.read(partial(assistants.get_published, assistant_id=assistant_id))
    if as_json:
        print_json(version)
        return
    say(f"{version.assistant_id} version {version.version}: {version.name}")
    say(f"model {version.model}, effort {version.reasoning_effort}")
    show_text(f"\n{version.instructions}")


@app.command()
def edit(
    assistant_id: AssistantId,
    file: File | None = None,
    model: str | None = None,
    effort: str | None = None,
    verbosity: str | None = None,
) -> None:
    """Change the instructions, in $EDITOR or from --file; the new version answers at once.

    --effort null, --verbosity null: none is sent. Refused when somebody changed it meanwhile.
    """
    with open_session() as session:
        before, changes = session.read(partial(assistants.get_published, assistant_id=assistant_id))
        text = text_of(file) if file else edit_text(session.settings.editor, before.instructions)
        given = {"model": model, "reasoning_effort": effort, "verbosity": verbosity}
        options = {name: value for name, value in given.items() if value is not None}
        body = before.model_dump(include=set(BODY)) | {"instructions": text}
        body |= {name: None if value == "null" else value for name, value in options.items()}
        if body == before.model_dump(include=set(BODY)):
            say("Nothing changed.")
            return
        form = parsed(NewVersion, body)
        result = session.apply(
            partial(assistants.add_version, assistant_id=assistant_id, body=form, expected=changes)
        )
    print_version(result)


@app.command()
def publish(assistant_id: AssistantId, version: int) -> None:
    """Let another version answer, for example an older one."""
    use_case = partial(assistants.publish, assistant_id=assistant_id, version=version)
    with open_session() as session:
        print_version(session.apply(use_case))


@app.command("import")
def import_file(
    file: ImportFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only")] = False,
    as_json: AsJson = False,
) -> None:
    """Import at most 500 assistants or prompts exported from OpenAI or Langfuse (JSON or JSON
    Lines)."""
    from tenant_admin.assistant_import.files import sources_of
    from tenant_admin.assistant_import.run import import_all
    from tenant_admin.assistant_import.version_plan import translate_all

    translations = translate_all(sources_of(file.read()))
    with open_session() as session:
        result = session.apply(partial(import_all, translations=translations, dry_run=dry_run))
    if as_json:
        print_json(result.value)
    else:
        print_report(result.value)
        say(result.message)


def print_report(report: "Report") -> None:
    if report.dry_run:
        say("Dry run: nothing was changed.")
    for item in report.items:
        what = f"{item.assistant_id} version {item.version} ({item.model})" if item.version else ""
        say(f"{item.position}.", item.action, what)
        print_warnings(item.warnings)
        for error in item.errors:
            say("   error:", problem_line(error))


def print_warnings(warnings: Iterable[str]) -> None:
    for warning in warnings:
        say("   warning:", warning)


def print_version(result: CommandResult) -> None:
    version: AssistantVersion = result.value.version
    say(f"{version.assistant_id} answers with version {version.version}.", result.message)
    print_warnings(version.warnings)


def text_of(file: typer.FileText) -> str:
    """RequestRefused when it is no text."""
    try:
        return file.read()
    except UnicodeDecodeError:
        refuse(422, "file", "is not UTF-8 text", "save it as UTF-8")


def edit_text(editor: str, text: str) -> str:
    """Opens the operator's editor; the text it leaves. RequestRefused when the editor failed."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "instructions.md")
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError):
            refuse(
                422, "EDITOR", f"{editor} failed", "set EDITOR, or use --file FILE (- for stdin)"
            )


def all_assistants(connection: Connection) -> list[Assistant]:
    listed: list[Assistant] = []
    while page := assistants.page(connection, listed[-1].assistant_id if listed else "", PAGE):
        listed += page
    return listed
