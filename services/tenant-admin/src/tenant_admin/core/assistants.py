"""Assistants and their versions. A version never changes; publishing one makes it answer."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.events import AssistantConfig, event_id
from common.outbox_rows import EventDraft, draft
from common.topics import ASSISTANTS_CONFIG
from tenant_admin.core.assistant_warnings import warnings_of
from tenant_admin.core.changes import OPERATOR, Change, ChangeContext, ConfigRevision, record_change
from tenant_admin.core.filters import ALL_ASSISTANTS, AssistantFilter
from tenant_admin.core.import_source import NO_SOURCE, ImportSource
from tenant_admin.core.own_assistants import refuse_shared, used_by_own
from tenant_admin.core.problems import refuse
from tenant_admin.core.schemas import AssistantBody, NewAssistant
from tenant_admin.core.tables import assistant, assistant_version, clients

BODY = tuple(AssistantBody.model_fields)


class AssistantVersion(AssistantBody):
    """One version as stored. `tools` and `response_format` came with an import."""

    assistant_id: str
    version: int
    tools: tuple[dict[str, Any], ...] = ()
    response_format: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    created_at: AwareDatetime
    created_by: str


class Assistant(BaseModel):
    """An assistant and the version that answers."""

    assistant_id: str
    name: str
    published_version: int
    latest_version: int
    created_at: AwareDatetime
    changes: int = Field(description="Grows with each change; in quotes it is the ETag")


class CurrentVersion(NamedTuple):
    """A version, and how many `changes` its assistant has seen."""

    version: AssistantVersion
    changes: int


def create(
    connection: Connection,
    context: ChangeContext,
    form: NewAssistant,
) -> Change[CurrentVersion]:
    """Version 1, published. Refused (409) when the id is taken."""
    created = create_if_missing(connection, context, form.assistant_id, form)
    if created is None:
        refuse(
            409,
            "assistant_id",
            f"{form.assistant_id} exists already",
            "choose another id, or add a version to it",
        )
    return created


def create_if_missing(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    body: AssistantBody,
) -> Change[CurrentVersion] | None:
    """Version 1 of a new assistant; None when the id is taken."""
    row = {"assistant_id": assistant_id, "name": body.name, "published_version": 1}
    new = connection.execute(
        insert(assistant)
        .values(**row, created_at=context.now)
        .on_conflict_do_nothing()
        .returning(assistant.c.assistant_id)
    ).first()
    if new is None:
        return None
    version = insert_version(connection, context, assistant_id, 1, body)
    rows = record_change(
        connection,
        context,
        "assistant.create",
        f"assistant:{assistant_id}",
        after=version.model_dump(mode="json"),
        drafts=[config_draft(version, context, revision=1)],
    )
    return Change(CurrentVersion(version, FIRST_CHANGES), rows)


def add_version(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    body: AssistantBody,
    *,
    publish_it: bool = True,
    expected: int | None = None,
) -> Change[CurrentVersion]:
    """Refused (412) when the assistant has not seen `expected` changes."""
    before = lock_assistant(connection, assistant_id, expected)
    previous = get_version(connection, assistant_id, before.latest_version)
    number = before.latest_version + 1
    version = insert_version(connection, context, assistant_id, number, body)
    rows = record_change(
        connection,
        context,
        "assistant.version",
        f"assistant:{assistant_id}",
        before=previous.model_dump(mode="json"),
        after=version.model_dump(mode="json"),
        drafts=switch_version(connection, context, version) if publish_it else [],
    )
    return Change(CurrentVersion(version, before.changes + 1 + publish_it), rows)


def publish(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    version: int,
    expected: int | None = None,
) -> Change[CurrentVersion]:
    """Idempotent; an older version rolls back. Refused (412) as `add_version` is."""
    before = lock_assistant(connection, assistant_id, expected)
    target = get_version(connection, assistant_id, version)
    if before.published_version == version:
        return Change(CurrentVersion(target, before.changes), [])
    rows = record_change(
        connection,
        context,
        "assistant.publish",
        f"assistant:{assistant_id}",
        before={"published_version": before.published_version},
        after={"published_version": version},
        drafts=switch_version(connection, context, target),
    )
    return Change(CurrentVersion(target, before.changes + 1), rows)


def delete(
    connection: Connection, context: ChangeContext, assistant_id: str, expected: int | None = None
) -> Change[None]:
    """Refused (409) while a client uses it, (412) as `add_version` is."""
    before = lock_assistant(connection, assistant_id, expected)
    users = sa.select(clients.c.id).where(clients.c.assistant_id == assistant_id)
    if user := connection.execute(users.limit(1)).scalar():
        refuse(
            409,
            "assistant_id",
            f"client {user} uses {assistant_id}",
            "give that client another assistant first",
        )
    connection.execute(sa.delete(assistant).where(assistant.c.assistant_id == assistant_id))
    rows = record_change(
        connection,
        context,
        "assistant.delete",
        f"assistant:{assistant_id}",
        before=before.model_dump(mode="json"),
        drafts=[EventDraft(ASSISTANTS_CONFIG, assistant_id, None, context.trace_id)],
    )
    return Change(None, rows)


LATEST = (
    sa.select(sa.func.max(assistant_version.c.version))
    .where(assistant_version.c.assistant_id == assistant.c.assistant_id)
    .scalar_subquery()
)
# Each change adds a version, or publishes one, or both.
CHANGES = (assistant.c.revision + LATEST).label("changes")
FIRST_CHANGES = 2
ASSISTANTS = sa.select(assistant, LATEST.label("latest_version"), CHANGES)


def page(
    connection: Connection, after: str, limit: int, only: AssistantFilter = ALL_ASSISTANTS
) -> list[Assistant]:
    used = used_by_own(connection, assistant.c.assistant_id)
    conditions = (assistant.c.assistant_id > after, *used, *only.conditions())
    query = ASSISTANTS.where(*conditions).order_by(assistant.c.assistant_id)
    return [Assistant(**row) for row in connection.execute(query.limit(limit)).mappings()]


def get(connection: Connection, assistant_id: str) -> Assistant:
    used = used_by_own(connection, assistant.c.assistant_id)
    query = ASSISTANTS.where(assistant.c.assistant_id == assistant_id, *used)
    row = connection.execute(query).mappings().first()
    if row is None:
        refuse_unknown_assistant(assistant_id)
    return Assistant(**row)


def versions(
    connection: Connection, assistant_id: str, after: int, limit: int
) -> list[AssistantVersion]:
    """Newest first; `after` is the last version number of the page before, 0 for the first."""
    get(connection, assistant_id)
    table = assistant_version
    query = sa.select(table).where(table.c.assistant_id == assistant_id)
    if after:
        query = query.where(table.c.version < after)
    rows = connection.execute(query.order_by(table.c.version.desc()).limit(limit)).mappings()
    return [stored_version(row) for row in rows]


def get_version(connection: Connection, assistant_id: str, version: int) -> AssistantVersion:
    key = (assistant_version.c.assistant_id == assistant_id, assistant_version.c.version == version)
    used = used_by_own(connection, assistant_version.c.assistant_id)
    row = connection.execute(sa.select(assistant_version).where(*key, *used)).mappings().first()
    if row is None:
        get(connection, assistant_id)
        refuse(404, "version", f"{assistant_id} has no version {version}", "list its versions")
    return stored_version(row)


def get_published(connection: Connection, assistant_id: str) -> CurrentVersion:
    current = get(connection, assistant_id)
    version = get_version(connection, assistant_id, current.published_version)
    return CurrentVersion(version, current.changes)


def config_event(
    version: AssistantVersion, context: ChangeContext, revision: int
) -> AssistantConfig:
    """The event that makes this version answer."""
    return AssistantConfig(
        event_id=event_id("assistant", version.assistant_id, version.version, context.now),
        trace_id=context.trace_id,
        tenant_id=OPERATOR,
        occurred_at=context.now,
        assistant_id=version.assistant_id,
        version=version.version,
        revision=revision,
        **version.model_dump(include=set(BODY)),
    )


def config_revisions(connection: Connection) -> dict[str, ConfigRevision]:
    """By assistant_id."""
    rows = connection.execute(sa.select(assistant.c.assistant_id, assistant.c.revision))
    return {row.assistant_id: ConfigRevision(OPERATOR, row.revision) for row in rows}


def config_events(
    connection: Connection, context: ChangeContext, ids: Sequence[str]
) -> dict[str, AssistantConfig]:
    """The events of the published versions, by assistant_id."""
    published = sa.and_(
        assistant_version.c.assistant_id == assistant.c.assistant_id,
        assistant_version.c.version == assistant.c.published_version,
    )
    query = sa.select(assistant_version, assistant.c.revision).join(assistant, published)
    rows = connection.execute(query.where(assistant.c.assistant_id.in_(ids))).mappings()
    return {
        row["assistant_id"]: config_event(stored_version(row), context, row["revision"])
        for row in rows
    }


def refuse_unknown_assistant(assistant_id: str) -> NoReturn:
    fix = "list the assistants to see their ids"
    refuse(404, "assistant_id", f"there is no assistant {assistant_id}", fix)


def lock_assistant(
    connection: Connection, assistant_id: str, expected: int | None = None
) -> Assistant:
    """Locked until the transaction ends. A key of some clients changes none that others use."""
    key = assistant.c.assistant_id == assistant_id
    used = used_by_own(connection, assistant.c.assistant_id)
    connection.execute(sa.select(assistant.c.assistant_id).where(key, *used).with_for_update())
    locked = get(connection, assistant_id)
    refuse_shared(connection, assistant_id)
    if expected not in (None, locked.changes):
        message = f"{assistant_id} has seen {locked.changes} changes, not {expected}"
        refuse(412, "If-Match", message, "read it again, then repeat the change")
    return locked


def insert_version(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    number: int,
    body: AssistantBody,
) -> AssistantVersion:
    version = new_version(context, assistant_id, number, body)
    connection.execute(sa.insert(assistant_version).values(version.model_dump()))
    return version


def new_version(
    context: ChangeContext,
    assistant_id: str,
    number: int,
    body: AssistantBody,
    source: ImportSource = NO_SOURCE,
) -> AssistantVersion:
    return AssistantVersion(
        **body.model_dump(include=set(BODY)),
        assistant_id=assistant_id,
        version=number,
        tools=source.tools,
        response_format=source.response_format,
        warnings=source.warnings + warnings_of(body),
        created_at=context.now,
        created_by=context.actor,
    )


def switch_version(
    connection: Connection, context: ChangeContext, version: AssistantVersion
) -> Sequence[EventDraft]:
    """Makes this version the published one; returns its event."""
    revision = connection.execute(
        sa.update(assistant)
        .where(assistant.c.assistant_id == version.assistant_id)
        .values(
            name=version.name,
            published_version=version.version,
            revision=assistant.c.revision + 1,
        )
        .returning(assistant.c.revision)
    ).scalar_one()
    return [config_draft(version, context, revision)]


def config_draft(version: AssistantVersion, context: ChangeContext, revision: int) -> EventDraft:
    return draft(ASSISTANTS_CONFIG, version.assistant_id, config_event(version, context, revision))


def stored_version(row: Any) -> AssistantVersion:
    """Stored content is shown as it is, also when today's checks are stricter."""
    shown = {name: row[name] for name in AssistantVersion.model_fields}
    shown |= {name: tuple(row[name]) for name in ("tools", "warnings")}
    return AssistantVersion.model_construct(**shown)
