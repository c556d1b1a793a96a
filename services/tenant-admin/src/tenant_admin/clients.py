"""Clients: every use-case is one transaction that writes the row, the audit line and the event."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection

from common.events import TenantConfig, TenantSettings, event_id
from common.outbox import EventDraft, OutboxRow, draft
from common.topics import TENANTS_CONFIG
from tenant_admin import assistants
from tenant_admin.change import Cause, Change, record
from tenant_admin.defaults import default_assistant
from tenant_admin.forms import ClientPatch, NewClient, Settings
from tenant_admin.problems import invalid, refuse
from tenant_admin.tables import client_secret, clients


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
class Stored:
    """A client with its sealed secrets by field."""

    client: Client
    secrets: Mapping[str, str]


def create(connection: Connection, cause: Cause, form: NewClient) -> Change[ClientChanged]:
    """Active at once. An unknown assistant is made from the template in the same transaction."""
    made = _assistant(connection, cause, form.assistant_id, form.name, form.settings.language)
    fields = form.model_dump(exclude={"settings"})
    with unique_number(connection, form.phone_number_id):
        row = (
            connection.execute(
                sa.insert(clients)
                .values(
                    **fields,
                    settings=form.settings.model_dump(mode="json", exclude_unset=True),
                    active=True,
                    version=1,
                    created_at=cause.now,
                    updated_at=cause.now,
                )
                .returning(clients)
            )
            .mappings()
            .one()
        )
    after = _stored(row, {})
    return _recorded(connection, cause, "client.create", None, after, made)


def change(
    connection: Connection,
    cause: Cause,
    client_id: int,
    patch: ClientPatch,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Refused (412) when `expected` is not the client's version. No event when nothing differs."""
    before = locked(connection, client_id, expected)
    wanted = patched(before.client, patch)
    if wanted == before.client:
        return Change(ClientChanged(**wanted.model_dump()), [])
    made = _assistant(connection, cause, wanted.assistant_id, wanted.name, wanted.settings.language)
    return write(connection, cause, "client.change", before, wanted, made)


def set_active(
    connection: Connection, cause: Cause, client_id: int, active: bool
) -> Change[ClientChanged]:
    """Idempotent."""
    before = locked(connection, client_id)
    if before.client.active == active:
        return Change(ClientChanged(**before.client.model_dump()), [])
    action = "client.activate" if active else "client.deactivate"
    wanted = before.client.model_copy(update={"active": active})
    return write(connection, cause, action, before, wanted)


def delete(
    connection: Connection, cause: Cause, client_id: int, expected: int | None = None
) -> Change[None]:
    """Its secrets go too; its number is free at once."""
    before = locked(connection, client_id, expected)
    connection.execute(sa.delete(clients).where(clients.c.id == client_id))
    rows = record(
        connection,
        cause,
        "client.delete",
        f"client:{client_id}",
        before=before.client.model_dump(mode="json"),
        drafts=drafts_of(before, None, cause),
    )
    return Change(None, rows)


def page(connection: Connection, after: int, limit: int) -> list[Client]:
    query = sa.select(clients).where(clients.c.id > after).order_by(clients.c.id).limit(limit)
    rows = connection.execute(query).mappings().all()
    secrets = _secrets(connection, [row["id"] for row in rows])
    return [_stored(row, secrets.get(row["id"], {})).client for row in rows]


def get(connection: Connection, client_id: int) -> Client:
    return _found(connection, client_id).client


def stands(connection: Connection) -> dict[str, tuple[int, int]]:
    """Client id and version by phone_number_id."""
    rows = connection.execute(sa.select(clients.c.phone_number_id, clients.c.id, clients.c.version))
    return {number: (client_id, version) for number, client_id, version in rows}


def configs(
    connection: Connection, cause: Cause, numbers: Sequence[str]
) -> dict[str, TenantConfig]:
    """The events of the clients that have these numbers, by phone_number_id."""
    query = sa.select(clients).where(clients.c.phone_number_id.in_(numbers))
    rows = connection.execute(query).mappings().all()
    secrets = _secrets(connection, [row["id"] for row in rows])
    found = [_stored(row, secrets.get(row["id"], {})) for row in rows]
    return {one.client.phone_number_id: config_of(one, cause) for one in found}


def locked(connection: Connection, client_id: int, expected: int | None = None) -> Stored:
    """The client, held until the end of the transaction: its events keep their order."""
    stored = _found(connection, client_id, lock=True)
    if expected is not None and stored.client.version != expected:
        refuse(
            412,
            "If-Match",
            f"client {client_id} is at version {stored.client.version}, not {expected}",
            "read it again, then repeat the change",
        )
    return stored


def write(
    connection: Connection,
    cause: Cause,
    action: str,
    before: Stored,
    wanted: Client,
    made: Change[Any] | None = None,
) -> Change[ClientChanged]:
    """The changed row, its version one higher, with what hangs on it."""
    with unique_number(connection, wanted.phone_number_id):
        row = (
            connection.execute(
                sa.update(clients)
                .where(clients.c.id == wanted.id)
                .values(
                    **wanted.model_dump(include={"name", "phone_number", "phone_number_id"}),
                    **wanted.model_dump(include={"assistant_id", "active"}),
                    settings=wanted.settings.model_dump(mode="json", exclude_unset=True),
                    version=before.client.version + 1,
                    updated_at=cause.now,
                )
                .returning(clients)
            )
            .mappings()
            .one()
        )
    after = _stored(row, _secrets(connection, [wanted.id]).get(wanted.id, {}))
    return _recorded(connection, cause, action, before, after, made)


def patched(client: Client, patch: ClientPatch) -> Client:
    """The client with the patch applied; raises Refused for wrong settings."""
    fields = patch.model_dump(exclude={"settings"}, exclude_none=True)
    merged = client.settings.model_dump(mode="json", exclude_unset=True) | patch.settings
    kept = {name: value for name, value in merged.items() if value is not None}
    unknown = {name: None for name in patch.settings if name not in Settings.model_fields}
    try:
        settings = Settings.model_validate(kept | unknown)
    except ValidationError as error:
        raise invalid(error, "settings") from None
    return client.model_copy(update={**fields, "settings": as_stored(settings)})


def as_stored(settings: Settings) -> TenantSettings:
    return TenantSettings.model_validate(settings.model_dump(exclude_unset=True))


def drafts_of(before: Stored | None, after: Stored | None, cause: Cause) -> list[EventDraft]:
    """The events of a change: a number that was left gets a tombstone, first."""
    old = before.client.phone_number_id if before else None
    new = after.client.phone_number_id if after else None
    gone = [EventDraft(TENANTS_CONFIG, old, None, cause.trace_id)] if old and old != new else []
    return gone + ([draft(TENANTS_CONFIG, new, config_of(after, cause))] if after and new else [])


def config_of(stored: Stored, cause: Cause) -> TenantConfig:
    client = stored.client
    shared = {"name", "phone_number", "phone_number_id", "assistant_id", "active", "version"}
    return TenantConfig(
        event_id=event_id("client", client.id, client.version),
        trace_id=cause.trace_id,
        tenant_id=client.id,
        occurred_at=cause.now,
        **client.model_dump(include=shared),
        revision=client.version,
        settings=client.settings,
        access_token=stored.secrets.get("access_token"),
        openai_api_key=stored.secrets.get("openai_api_key"),
        updated_at=client.updated_at,
    )


@contextmanager
def unique_number(connection: Connection, phone_number_id: str) -> Iterator[None]:
    """Turns the unique index's refusal into one that names the client that has the number."""
    try:
        with connection.begin_nested():
            yield
    except sa.exc.IntegrityError as error:
        if "clients_phone_number_id" not in str(error.orig):
            raise
        query = sa.select(clients.c.id).where(clients.c.phone_number_id == phone_number_id)
        owner = connection.execute(query).scalar()
        refuse(
            409,
            "phone_number_id",
            f"{phone_number_id} already belongs to client {owner}",
            "check the number, or change or delete that client",
        )


def _recorded(
    connection: Connection,
    cause: Cause,
    action: str,
    before: Stored | None,
    after: Stored,
    made: Change[Any] | None,
) -> Change[ClientChanged]:
    client = after.client
    rows: list[OutboxRow] = record(
        connection,
        cause,
        action,
        f"client:{client.id}",
        before=before and before.client.model_dump(mode="json"),
        after=client.model_dump(mode="json"),
        drafts=drafts_of(before, after, cause),
    )
    notice = made and (
        f"Assistant {client.assistant_id} was not defined yet: version 1 was made from the "
        f"template. Fill in the facts of the business with POST "
        f"/v1/assistants/{client.assistant_id}/versions"
    )
    shown = ClientChanged(**client.model_dump(), assistant_created=bool(made), notice=notice)
    return Change(shown, (made.rows if made else []) + rows)


def _assistant(
    connection: Connection, cause: Cause, assistant_id: str, name: str, language: str
) -> Change[Any] | None:
    return assistants.ensure(connection, cause, assistant_id, default_assistant(name, language))


def _found(connection: Connection, client_id: int, *, lock: bool = False) -> Stored:
    query = sa.select(clients).where(clients.c.id == client_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        unknown(client_id)
    return _stored(row, _secrets(connection, [client_id]).get(client_id, {}))


def unknown(client_id: int) -> NoReturn:
    refuse(404, "id", f"there is no client {client_id}", "list the clients to see their ids")


def _secrets(connection: Connection, ids: list[int]) -> dict[int, dict[str, str]]:
    query = sa.select(client_secret).where(client_secret.c.client_id.in_(ids))
    found: dict[int, dict[str, str]] = {}
    for client_id, field, sealed in connection.execute(query):
        found.setdefault(client_id, {})[field] = sealed
    return found


def _stored(row: Mapping[Any, Any], secrets: Mapping[str, str]) -> Stored:
    client = Client(
        **{**row, "settings": TenantSettings.model_validate(row["settings"])},
        has_access_token="access_token" in secrets,
        has_openai_api_key="openai_api_key" in secrets,
    )
    return Stored(client, secrets)
