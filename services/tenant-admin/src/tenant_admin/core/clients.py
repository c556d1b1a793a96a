"""Clients: every use-case is one transaction that writes the row, the audit line and the event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection

from common.events import TenantConfig, TenantSettings, event_id
from common.outbox_rows import EventDraft, OutboxRow, draft
from common.topics import TENANTS_CONFIG
from tenant_admin.core import assistants
from tenant_admin.core.assistant_template import assistant_from_template
from tenant_admin.core.changes import Change, ChangeContext, ConfigRevision, record_change
from tenant_admin.core.filters import ALL_CLIENTS, ClientFilter
from tenant_admin.core.key_rights import refuse_without_scope
from tenant_admin.core.own_assistants import refuse_unless_used
from tenant_admin.core.own_clients import is_own, of_own, own_clients
from tenant_admin.core.problems import refusal_of, refuse
from tenant_admin.core.schemas import ClientPatch, NewClient, Settings
from tenant_admin.core.tables import client_secret, clients
from tenant_admin.core.taken_numbers import refuse_shared_phone, refuse_taken_number


class Client(BaseModel):
    """A client as operators see it: secrets only as yes or no."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    phone_number: str
    phone_number_id: str
    assistant_id: str
    active: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
    version: int
    settings: TenantSettings
    has_access_token: bool = False
    has_openai_api_key: bool = False


class ClientChanged(Client):
    """The answer to a change; says so when it made an assistant from the template."""

    assistant_created: bool = False
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class StoredClient:
    """A client with its sealed secrets by field."""

    client: Client
    secrets: Mapping[str, str]


def create(
    connection: Connection, context: ChangeContext, form: NewClient
) -> Change[ClientChanged]:
    """Active at once. An unknown assistant is made from the template in the same transaction."""
    created = ensure_assistant(
        connection, context, form.assistant_id, form.name, form.settings.language
    )
    fields = form.model_dump(exclude={"settings"})
    with refuse_taken_number(connection, form.phone_number_id):
        row = (
            connection.execute(
                sa.insert(clients)
                .values(
                    **fields,
                    settings=form.settings.model_dump(mode="json", exclude_unset=True),
                    active=True,
                    version=1,
                    created_at=context.now,
                    updated_at=context.now,
                )
                .returning(clients)
            )
            .mappings()
            .one()
        )
    refuse_shared_phone(connection, row["id"], form.phone_number)
    after = stored_client(row, {})
    return record_client_change(connection, context, "client.create", None, after, created)


def change(
    connection: Connection,
    context: ChangeContext,
    client_id: int,
    patch: ClientPatch,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Refused (412) when `expected` is not the client's version. No event when nothing differs."""
    before = lock_client(connection, client_id, expected)
    client = patched(before.client, patch)
    if client == before.client:
        return Change(ClientChanged(**client.model_dump()), [])
    if numbers_of(client) != numbers_of(before.client):
        refuse_without_scope(context.holder, "numbers:write")
    if client.phone_number != before.client.phone_number:
        refuse_shared_phone(connection, client_id, client.phone_number)
    created = ensure_assistant(
        connection, context, client.assistant_id, client.name, client.settings.language
    )
    return update_client(connection, context, "client.change", before, client, created)


def set_active(
    connection: Connection,
    context: ChangeContext,
    client_id: int,
    active: bool,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Idempotent. Refused (412) when `expected` is not the client's version."""
    before = lock_client(connection, client_id, expected)
    if before.client.active == active:
        return Change(ClientChanged(**before.client.model_dump()), [])
    action = "client.activate" if active else "client.deactivate"
    client = before.client.model_copy(update={"active": active})
    return update_client(connection, context, action, before, client)


def delete(
    connection: Connection, context: ChangeContext, client_id: int, expected: int | None = None
) -> Change[None]:
    """Its secrets go too; its number is free at once."""
    before = lock_client(connection, client_id, expected)
    connection.execute(sa.delete(clients).where(clients.c.id == client_id))
    rows = record_change(
        connection,
        context,
        "client.delete",
        f"client:{client_id}",
        before=before.client.model_dump(mode="json"),
        drafts=drafts_of(before, None, context),
    )
    return Change(None, rows)


def page(
    connection: Connection, after: int, limit: int, only: ClientFilter = ALL_CLIENTS
) -> list[Client]:
    own = of_own(connection, clients.c.id)
    conditions = (clients.c.id > after, *own, *only.conditions())
    query = sa.select(clients).where(*conditions).order_by(clients.c.id).limit(limit)
    rows = connection.execute(query).mappings().all()
    secrets = load_secrets(connection, [row["id"] for row in rows])
    return [stored_client(row, secrets.get(row["id"], {})).client for row in rows]


def get(connection: Connection, client_id: int) -> Client:
    return load_client(connection, client_id).client


def config_revisions(connection: Connection) -> dict[str, ConfigRevision]:
    """By phone_number_id."""
    rows = connection.execute(sa.select(clients.c.phone_number_id, clients.c.id, clients.c.version))
    return {row.phone_number_id: ConfigRevision(row.id, row.version) for row in rows}


def config_events(
    connection: Connection, context: ChangeContext, numbers: Sequence[str]
) -> dict[str, TenantConfig]:
    """The events of the clients that have these numbers, by phone_number_id."""
    query = sa.select(clients).where(clients.c.phone_number_id.in_(numbers))
    rows = connection.execute(query).mappings().all()
    secrets = load_secrets(connection, [row["id"] for row in rows])
    stored = [stored_client(row, secrets.get(row["id"], {})) for row in rows]
    return {each.client.phone_number_id: config_event(each, context) for each in stored}


def lock_client(
    connection: Connection, client_id: int, expected: int | None = None
) -> StoredClient:
    """The client, locked until the transaction ends: its events keep their order."""
    stored = load_client(connection, client_id, lock=True)
    if expected is not None and stored.client.version != expected:
        refuse(
            412,
            "If-Match",
            f"client {client_id} is at version {stored.client.version}, not {expected}",
            "read it again, then repeat the change",
        )
    return stored


def update_client(
    connection: Connection,
    context: ChangeContext,
    action: str,
    before: StoredClient,
    client: Client,
    created: Change[Any] | None = None,
) -> Change[ClientChanged]:
    """Writes the row, its version one higher, with its audit line and events."""
    with refuse_taken_number(connection, client.phone_number_id):
        row = (
            connection.execute(
                sa.update(clients)
                .where(clients.c.id == client.id)
                .values(
                    **client.model_dump(include={"name", "phone_number", "phone_number_id"}),
                    **client.model_dump(include={"assistant_id", "active"}),
                    settings=client.settings.model_dump(mode="json", exclude_unset=True),
                    version=before.client.version + 1,
                    updated_at=context.now,
                )
                .returning(clients)
            )
            .mappings()
            .one()
        )
    after = stored_client(row, load_secrets(connection, [client.id]).get(client.id, {}))
    return record_client_change(connection, context, action, before, after, created)


def patched(client: Client, patch: ClientPatch) -> Client:
    """The client with the patch applied; raises RequestRefused for wrong settings."""
    fields = patch.model_dump(exclude={"settings"})
    merged = client.settings.model_dump(mode="json", exclude_unset=True) | patch.settings
    try:
        settings = Settings.model_validate(
            {name: value for name, value in merged.items() if value is not None}
        )
    except ValidationError as error:
        raise refusal_of(error, "settings") from None
    return client.model_copy(update={**fields, "settings": as_stored(settings)})


def as_stored(settings: Settings) -> TenantSettings:
    return TenantSettings.model_validate(settings.model_dump(exclude_unset=True))


def drafts_of(
    before: StoredClient | None, after: StoredClient | None, context: ChangeContext
) -> list[EventDraft]:
    """The events of a change; first a tombstone for a number that the client no longer has."""
    old = before.client.phone_number_id if before else None
    new = after.client.phone_number_id if after else None
    drafts = []
    if old and old != new:
        drafts.append(EventDraft(TENANTS_CONFIG, old, None, context.trace_id))
    if after and new:
        drafts.append(draft(TENANTS_CONFIG, new, config_event(after, context)))
    return drafts


def config_event(stored: StoredClient, context: ChangeContext) -> TenantConfig:
    client = stored.client
    shared = {"name", "phone_number", "phone_number_id", "assistant_id", "active", "version"}
    return TenantConfig(
        event_id=event_id("client", client.id, client.version),
        trace_id=context.trace_id,
        tenant_id=client.id,
        occurred_at=context.now,
        **client.model_dump(include=shared),
        revision=client.version,
        settings=client.settings,
        access_token=stored.secrets.get("access_token"),
        openai_api_key=stored.secrets.get("openai_api_key"),
        updated_at=client.updated_at,
    )


def record_client_change(
    connection: Connection,
    context: ChangeContext,
    action: str,
    before: StoredClient | None,
    after: StoredClient,
    created: Change[Any] | None,
) -> Change[ClientChanged]:
    client = after.client
    rows: list[OutboxRow] = record_change(
        connection,
        context,
        action,
        f"client:{client.id}",
        before=before and before.client.model_dump(mode="json"),
        after=client.model_dump(mode="json"),
        drafts=drafts_of(before, after, context),
    )
    notice = created and (
        f"Assistant {client.assistant_id} was not defined yet: version 1 was made from the "
        f"template. Fill in the facts of the business with POST "
        f"/v1/assistants/{client.assistant_id}/versions"
    )
    shown = ClientChanged(**client.model_dump(), assistant_created=bool(created), notice=notice)
    return Change(shown, (created.rows if created else []) + rows)


def numbers_of(client: Client) -> tuple[str, str]:
    return client.phone_number_id, client.phone_number


def ensure_assistant(
    connection: Connection, context: ChangeContext, assistant_id: str, name: str, language: str
) -> Change[Any] | None:
    """A key of some clients makes none, and takes none that is of others."""
    if own_clients(connection) is not None:
        refuse_unless_used(connection, assistant_id)
        return None
    return assistants.create_if_missing(
        connection, context, assistant_id, assistant_from_template(name, language)
    )


def load_client(connection: Connection, client_id: int, *, lock: bool = False) -> StoredClient:
    if not is_own(connection, client_id):
        refuse_unknown_client(client_id)
    query = sa.select(clients).where(clients.c.id == client_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        refuse_unknown_client(client_id)
    return stored_client(row, load_secrets(connection, [client_id]).get(client_id, {}))


def refuse_unknown_client(client_id: int) -> NoReturn:
    refuse(404, "id", f"there is no client {client_id}", "list the clients to see their ids")


def load_secrets(connection: Connection, ids: list[int]) -> dict[int, dict[str, str]]:
    query = sa.select(client_secret).where(client_secret.c.client_id.in_(ids))
    secrets: dict[int, dict[str, str]] = {}
    for row in connection.execute(query):
        secrets.setdefault(row.client_id, {})[row.field] = row.sealed
    return secrets


def stored_client(row: Mapping[Any, Any], secrets: Mapping[str, str]) -> StoredClient:
    client = Client(
        **{**row, "settings": TenantSettings.model_validate(row["settings"])},
        has_access_token="access_token" in secrets,
        has_openai_api_key="openai_api_key" in secrets,
    )
    return StoredClient(client, secrets)
