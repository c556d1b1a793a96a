"""Imports exported assistants: new ones, new versions of known ones, nothing for known content."""

from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import Connection

from common.outbox_rows import OutboxRow
from tenant_admin.assistant_import.mapping import translate
from tenant_admin.core import assistants
from tenant_admin.core.assistants import AssistantVersion, ImportSource
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.problems import FieldProblem, RequestRefused
from tenant_admin.core.schemas import NewAssistant
from tenant_admin.core.tables import assistant

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
    connection: Connection, context: ChangeContext, sources: Sequence[Any], dry_run: bool = False
) -> Change[Report]:
    """All items in one transaction; an item that is wrong is skipped and reported.

    A dry run does the same and rolls it back.
    """
    rows: list[OutboxRow] = []
    items: list[Imported] = []
    savepoint = connection.begin_nested()
    for position, item in enumerate(sources, start=1):
        imported = import_one(connection, context, position, item)
        items.append(imported.result)
        rows += imported.rows
    if dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    return Change(Report(dry_run=dry_run, items=items), [] if dry_run else rows)


def import_one(
    connection: Connection, context: ChangeContext, position: int, item: Any
) -> Change[Imported]:
    try:
        form, source = translate(item)
    except RequestRefused as refused:
        skipped = Imported(position=position, action="skipped", errors=refused.errors)
        return Change(skipped, [])
    known = assistants.version_of_import(connection, form.assistant_id, source.hash)
    if known is not None:
        return Change(imported_item(position, "unchanged", form, source, known), [])
    action, change = write_version(connection, context, form, source)
    return Change(imported_item(position, action, form, source, change.result.version), change.rows)


def write_version(
    connection: Connection, context: ChangeContext, form: NewAssistant, source: ImportSource
) -> tuple[Action, Change[AssistantVersion]]:
    key = assistant.c.assistant_id == form.assistant_id
    if connection.execute(sa.select(assistant.c.assistant_id).where(key)).first() is None:
        return "created", assistants.create(connection, context, form, source)
    change = assistants.add_version(connection, context, form.assistant_id, form, source=source)
    return "new version", change


def imported_item(
    position: int, action: Action, form: NewAssistant, source: ImportSource, version: int
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
