"""`manage_clients.py audit`: who changed what, and whether the log is as it was written."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tenant_admin.cli.moments import asked_moment
from tenant_admin.cli.output import AsJson, cell_text, print_table
from tenant_admin.cli.session import open_session
from tenant_admin.cli.terminal import print_json, say, show_text, translated
from tenant_admin.core import audit_log
from tenant_admin.core.audit_chain import ChainHash, newest_hash, verify
from tenant_admin.core.audit_log import AuditEntry
from tenant_admin.core.field_changes import FieldChange
from tenant_admin.core.filters import AuditFilter
from tenant_admin.core.problems import refuse

app = typer.Typer(help="Who changed what: the audit log.", no_args_is_help=True)
KEPT = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
Moment = Annotated[str | None, typer.Option(help="15m, 2h, 3d ago or an ISO time (UTC)")]


@app.command("list")
def list_lines(
    client: Annotated[int | None, typer.Option(min=1, max=2_147_483_647)] = None,
    about: Annotated[str | None, typer.Option("--object", help="such as assistant:ID")] = None,
    actor: Annotated[str | None, typer.Option(help="such as key:crm")] = None,
    action: Annotated[str | None, typer.Option(help="such as client.change")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """The newest lines first: who, what, which fields."""
    only = AuditFilter(
        actor,
        action,
        about,
        client,
        asked_moment("since", since) if since else None,
        asked_moment("until", until) if until else None,
    )
    with open_session() as session:
        lines = session.read(lambda connection: audit_log.page(connection, only, None, limit))
    if as_json:
        print_json(lines)
        return
    rows = [
        (f"{line.at:%Y-%m-%d %H:%M:%S}", line.actor, line.action, line.object, changes_of(line))
        for line in lines
    ]
    print_table(("at (UTC)", "actor", "action", "object", "value"), rows)


@app.command()
def head() -> None:
    """The newest hash, to be kept where nobody can change it who can change the database."""
    with open_session() as session:
        newest = session.read(newest_hash)
    if newest is None:
        refuse(422, "audit", "there is no line yet", "add a client first")
    show_text(f"{newest.position}:{newest.hash}")


@app.command("verify")
def verify_lines(
    kept: Annotated[
        str | None, typer.Option(metavar="POSITION:HASH", help="What `audit head` said before")
    ] = None,
) -> None:
    """Whether every line is as it was written; else which is the first that is not, and exit
    code 1."""
    expected = kept_hash(kept) if kept is not None else None
    with open_session() as session:
        verified = verify(session.read, expected)
    position, newest = verified.head
    if verified.broken:
        say(f"Broken after {position} good lines.", verified.broken)
        raise typer.Exit(1)
    say(f"{position} lines are as they were written. Newest: {position}:{newest}")


def kept_hash(text: str) -> ChainHash:
    match = KEPT.fullmatch(text.strip())
    if match is None:
        refuse(422, "kept", "is no POSITION:HASH", "give what `audit head` said")
    return ChainHash(int(match[1]), match[2])


def changes_of(line: AuditEntry) -> str:
    return ", ".join(change_words(line.changes))


def change_words(changes: Iterable[FieldChange]) -> Iterable[str]:
    for change in changes:
        before, after = value_words(change.before), value_words(change.after)
        yield f"{change.field}: {before} → {after}" if before else f"{change.field}: {after}"


def value_words(value: Any) -> str:
    if isinstance(value, dict) and value.get("withheld"):
        return translated("(withheld)")
    if isinstance(value, dict) and "sha256" in value:
        return f"({value['bytes']} bytes, {value['sha256'][:12]})"
    return "" if value is None else cell_text(value)
