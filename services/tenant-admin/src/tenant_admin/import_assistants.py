"""Imports exported assistants: new ones, new versions of known ones, nothing for known content."""

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import Connection

from common.outbox import OutboxRow
from tenant_admin import assistants
from tenant_admin.assistants import AssistantVersion, Source
from tenant_admin.change import Cause, Change
from tenant_admin.forms import NewAssistant
from tenant_admin.import_mapping import translate
from tenant_admin.problems import FieldProblem, Refused
from tenant_admin.tables import assistant

Action = Literal["created", "new version", "unchanged", "skipped"]


class Imported(BaseModel):
    """What became of one item. `position` counts from 1 in the order of the file."""

    position: int
    action: Action
    assistant_id: str | None = None
    name: str | None = None
    model: str | None = None
    version: int | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[FieldProblem, ...] = ()


class Report(BaseModel):
    """With `dry_run` nothing was changed: the report says what would be."""

    dry_run: bool
    items: list[Imported]


def import_all(
    connection: Connection, cause: Cause, sources: Sequence[Any], dry_run: bool = False
) -> Change[Report]:
    """All items in one transaction; an item that is wrong is skipped and reported.

    A dry run does the same work and takes it back.
    """
    rows: list[OutboxRow] = []
    items: list[Imported] = []
    undo = connection.begin_nested()
    for position, item in enumerate(sources, start=1):
        done = import_one(connection, cause, position, item)
        items.append(done.result)
        rows += done.rows
    if dry_run:
        undo.rollback()
    else:
        undo.commit()
    return Change(Report(dry_run=dry_run, items=items), [] if dry_run else rows)


def import_one(connection: Connection, cause: Cause, position: int, item: Any) -> Change[Imported]:
    try:
        form, source = translate(item)
    except Refused as refused:
        skipped = Imported(position=position, action="skipped", errors=refused.errors)
        return Change(skipped, [])
    known = assistants.imported_as(connection, form.assistant_id, source.hash)
    if known is not None:
        return Change(told(position, "unchanged", form, source, known), [])
    action, made = written(connection, cause, form, source)
    return Change(told(position, action, form, source, made.result.version), made.rows)


def written(
    connection: Connection, cause: Cause, form: NewAssistant, source: Source
) -> tuple[Action, Change[AssistantVersion]]:
    key = assistant.c.assistant_id == form.assistant_id
    if connection.execute(sa.select(assistant.c.assistant_id).where(key)).first() is None:
        return "created", assistants.create(connection, cause, form, source)
    made = assistants.add_version(connection, cause, form.assistant_id, form, source=source)
    return "new version", made


def told(
    position: int, action: Action, form: NewAssistant, source: Source, version: int
) -> Imported:
    return Imported(
        position=position,
        action=action,
        assistant_id=form.assistant_id,
        name=form.name,
        model=form.model,
        version=version,
        warnings=source.warnings + assistants.warnings_of(form),
    )
