"""Imports assistants that were translated: all of them in one transaction and a few statements."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import Connection

from common.outbox_rows import EventDraft
from common.postgres.rows import arrays, unnest
from tenant_admin.assistant_import.version_plan import (
    Imported,
    KnownAssistant,
    PlannedVersion,
    Translation,
    ids_of,
    plan_import,
)
from tenant_admin.core.assistants import AssistantVersion, config_draft, new_version
from tenant_admin.core.changes import Change, ChangeContext, audit_line, record_changes
from tenant_admin.core.problems import RequestRefused
from tenant_admin.core.tables import assistant, assistant_version

# Locks assistants, in the order of every import.
LOCK_ASSISTANTS = """
select assistant_id from assistant where assistant_id = any(%(ids)s::text[])
order by assistant_id for update
"""
# Each assistant's newest version of each content.
KNOWN_CONTENTS = """
select assistant_id, source_hash, max(version) as version from assistant_version
where assistant_id = any(%(ids)s::text[]) group by assistant_id, source_hash
"""
PUBLISHED = {"assistant_id": "text", "name": "text", "version": "integer"}
# Makes these versions answer; the revisions.
PUBLISH = f"""
update assistant set name = given.name, published_version = given.version, revision = revision + 1
from {unnest(PUBLISHED)} where assistant.assistant_id = given.assistant_id
returning assistant.assistant_id, revision
"""


class Report(BaseModel):
    """With `dry_run` nothing was changed: the report says what would be."""

    dry_run: bool
    items: list[Imported]


class WrittenVersion(NamedTuple):
    planned: PlannedVersion
    version: AssistantVersion


def import_all(
    connection: Connection,
    context: ChangeContext,
    translations: Sequence[Translation | RequestRefused],
    dry_run: bool = False,
) -> Change[Report]:
    """An item that is wrong is skipped and reported."""
    planned = plan_import(translations, load_known(connection, ids_of(translations)))
    report = Report(dry_run=dry_run, items=planned.items)
    if dry_run or not planned.versions:
        return Change(report, [])
    written = [WrittenVersion(each, version_of(context, each)) for each in planned.versions]
    drafts = write_versions(connection, context, written)
    return Change(
        report, record_changes(connection, [line_of(context, w) for w in written], drafts)
    )


def load_known(connection: Connection, ids: list[str]) -> dict[str, KnownAssistant]:
    """By assistant_id; they are locked."""
    connection.exec_driver_sql(LOCK_ASSISTANTS, {"ids": ids})
    contents: dict[str, dict[str, int]] = {}
    for row in connection.exec_driver_sql(KNOWN_CONTENTS, {"ids": ids}):
        contents.setdefault(row.assistant_id, {})[row.source_hash or ""] = row.version
    return {
        assistant_id: KnownAssistant(max(versions.values()), versions)
        for assistant_id, versions in contents.items()
    }


def write_versions(
    connection: Connection, context: ChangeContext, written: Sequence[WrittenVersion]
) -> list[EventDraft]:
    """Of each assistant the last one answers; the events that say so."""
    last = {each.version.assistant_id: each.version for each in written}
    new = {each.version.assistant_id for each in written if each.planned.is_new}
    if new:
        rows = [assistant_row(last[each], context) for each in sorted(new)]
        connection.execute(sa.insert(assistant), rows)
    connection.execute(sa.insert(assistant_version), [version_row(each) for each in written])
    known = [version for name, version in sorted(last.items()) if name not in new]
    revisions = {**dict.fromkeys(new, 1), **publish_all(connection, known)}
    return [config_draft(version, context, revisions[name]) for name, version in last.items()]


def publish_all(connection: Connection, versions: Sequence[AssistantVersion]) -> Mapping[str, int]:
    """The new revisions, by assistant_id."""
    rows = connection.exec_driver_sql(PUBLISH, arrays(PUBLISHED, versions))
    return {row.assistant_id: row.revision for row in rows}


def version_of(context: ChangeContext, planned: PlannedVersion) -> AssistantVersion:
    form = planned.form
    return new_version(context, form.assistant_id, planned.version, form, planned.source)


def assistant_row(version: AssistantVersion, context: ChangeContext) -> dict[str, object]:
    return {
        "assistant_id": version.assistant_id,
        "name": version.name,
        "published_version": version.version,
        "created_at": context.now,
    }


def version_row(written: WrittenVersion) -> dict[str, object]:
    source = written.planned.source
    return written.version.model_dump() | {"source_raw": source.raw, "source_hash": source.hash}


def line_of(context: ChangeContext, written: WrittenVersion) -> dict[str, object]:
    """Its audit line."""
    action = "assistant.create" if written.planned.is_new else "assistant.version"
    name = f"assistant:{written.version.assistant_id}"
    return audit_line(context, action, name, after=written.version.model_dump(mode="json"))
