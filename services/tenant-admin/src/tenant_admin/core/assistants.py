"""Assistants and their versions. A version never changes; publishing one makes it answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.events import AssistantConfig, event_id
from common.openai_models import capabilities_of, warning_of_end
from common.outbox_rows import EventDraft, draft
from common.topics import ASSISTANTS_CONFIG
from tenant_admin.core.changes import OPERATOR, Change, ChangeContext, ConfigRevision, record_change
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


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Where an imported version came from; `hash` recognises the same file again."""

    raw: Any
    hash: str
    tools: tuple[dict[str, Any], ...]
    response_format: dict[str, Any] | None
    warnings: tuple[str, ...]


def create(
    connection: Connection,
    context: ChangeContext,
    form: NewAssistant,
    source: ImportSource | None = None,
) -> Change[AssistantVersion]:
    """Version 1, published. Refused (409) when the id is taken."""
    created = create_if_missing(connection, context, form.assistant_id, form, source)
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
    source: ImportSource | None = None,
) -> Change[AssistantVersion] | None:
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
    version = insert_version(connection, context, assistant_id, 1, body, source)
    rows = record_change(
        connection,
        context,
        "assistant.create",
        f"assistant:{assistant_id}",
        after=version.model_dump(mode="json"),
        drafts=[config_draft(version, context, revision=1)],
    )
    return Change(version, rows)


def add_version(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    body: AssistantBody,
    *,
    publish_it: bool = True,
    source: ImportSource | None = None,
) -> Change[AssistantVersion]:
    before = lock_assistant(connection, assistant_id)
    number = before.latest_version + 1
    version = insert_version(connection, context, assistant_id, number, body, source)
    rows = record_change(
        connection,
        context,
        "assistant.version",
        f"assistant:{assistant_id}",
        after=version.model_dump(mode="json"),
        drafts=switch_version(connection, context, version) if publish_it else [],
    )
    return Change(version, rows)


def publish(
    connection: Connection, context: ChangeContext, assistant_id: str, version: int
) -> Change[AssistantVersion]:
    """Idempotent; an older version rolls back."""
    before = lock_assistant(connection, assistant_id)
    target = get_version(connection, assistant_id, version)
    if before.published_version == version:
        return Change(target, [])
    rows = record_change(
        connection,
        context,
        "assistant.publish",
        f"assistant:{assistant_id}",
        before={"published_version": before.published_version},
        after={"published_version": version},
        drafts=switch_version(connection, context, target),
    )
    return Change(target, rows)


def delete(connection: Connection, context: ChangeContext, assistant_id: str) -> Change[None]:
    """Refused (409) while a client uses it."""
    before = lock_assistant(connection, assistant_id)
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
    .label("latest_version")
)
ASSISTANTS = sa.select(assistant, LATEST)


def page(connection: Connection, after: str, limit: int) -> list[Assistant]:
    query = ASSISTANTS.where(assistant.c.assistant_id > after).order_by(assistant.c.assistant_id)
    return [Assistant(**row) for row in connection.execute(query.limit(limit)).mappings()]


def get(connection: Connection, assistant_id: str) -> Assistant:
    query = ASSISTANTS.where(assistant.c.assistant_id == assistant_id)
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
    row = connection.execute(sa.select(assistant_version).where(*key)).mappings().first()
    if row is None:
        get(connection, assistant_id)
        refuse(404, "version", f"{assistant_id} has no version {version}", "list its versions")
    return stored_version(row)


def get_published(connection: Connection, assistant_id: str) -> AssistantVersion:
    current = get(connection, assistant_id)
    return get_version(connection, assistant_id, current.published_version)


def version_of_import(connection: Connection, assistant_id: str, source_hash: str) -> int | None:
    """The version that an earlier import of the same content made."""
    table = assistant_version
    query = sa.select(sa.func.max(table.c.version)).where(
        table.c.assistant_id == assistant_id, table.c.source_hash == source_hash
    )
    return connection.execute(query).scalar()


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


def warnings_of(body: AssistantBody) -> tuple[str, ...]:
    """What will not work as it is written. A name is never changed here: on another server it may
    be valid for ever."""
    known = capabilities_of(body.model)
    effort = known.effort_for(body.reasoning_effort) if known else body.reasoning_effort
    takes_sampling = known.takes_sampling(effort) if known else effort == "none"
    warnings = [warning_of_end(body.model)]
    if effort != body.reasoning_effort:
        instead = f"{effort} is sent" if effort else "it is not sent"
        warnings.append(
            f"reasoning_effort: {body.model} does not take {body.reasoning_effort}; {instead}"
        )
    if known and body.verbosity and not known.verbosity:
        warnings.append(f"verbosity: not sent, {body.model} does not take it")
    if (body.temperature is not None or body.top_p is not None) and not takes_sampling:
        warnings.append("temperature, top_p: not sent while reasoning_effort is not none")
    if known and known.max_output and body.max_output_tokens > known.max_output:
        warnings.append(f"max_output_tokens: {body.model} gives {known.max_output} at most")
    return tuple(warning for warning in warnings if warning)


def refuse_unknown_assistant(assistant_id: str) -> NoReturn:
    refuse(
        404,
        "assistant_id",
        f"there is no assistant {assistant_id}",
        "list the assistants to see their ids",
    )


def lock_assistant(connection: Connection, assistant_id: str) -> Assistant:
    key = assistant.c.assistant_id == assistant_id
    connection.execute(sa.select(assistant.c.assistant_id).where(key).with_for_update())
    return get(connection, assistant_id)


def insert_version(
    connection: Connection,
    context: ChangeContext,
    assistant_id: str,
    number: int,
    body: AssistantBody,
    source: ImportSource | None,
) -> AssistantVersion:
    version = AssistantVersion(
        **body.model_dump(include=set(BODY)),
        assistant_id=assistant_id,
        version=number,
        tools=source.tools if source else (),
        response_format=source.response_format if source else None,
        warnings=(source.warnings if source else ()) + warnings_of(body),
        created_at=context.now,
        created_by=context.actor,
    )
    extra = {"source_raw": source.raw, "source_hash": source.hash} if source else {}
    connection.execute(sa.insert(assistant_version).values(**version.model_dump(), **extra))
    return version


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
