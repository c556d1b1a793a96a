"""The secrets of a client: sealed for it and for their field, never shown."""

from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.key_ring_file import read_rings
from common.key_rings import KeyRings, KeyUse, SecretField, Unsealable
from common.outbox_rows import OutboxRow
from common.sealed import rewrap, seal, use_of
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.clients import ClientChanged, lock_client, update_client
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import client_secret

CLIENTS_AT_ONCE = 200


def usable_rings(path: Path | None) -> KeyRings:
    """Read at each use, so that a rotated ring needs no restart."""
    if path is None:
        refuse(503, "KEY_RING_FILE", "is not set, so no secret can be sealed", "set it")
    try:
        return read_rings(path)
    except ValueError as error:
        refuse(503, "KEY_RING_FILE", str(error), "mount a valid one")


def put(
    connection: Connection,
    context: ChangeContext,
    rings: KeyRings,
    client_id: int,
    field: SecretField,
    value: SecretStr,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Refused (412) when `expected` is not the client's version."""
    before = lock_client(connection, client_id, expected)
    sealed = sealed_for(rings, client_id, field, value)
    row = insert(client_secret).values(client_id=client_id, field=field, sealed=sealed)
    connection.execute(
        row.on_conflict_do_update(index_elements=["client_id", "field"], set_={"sealed": sealed})
    )
    return update_client(connection, context, f"client.{field}.set", before, before.client)


def remove(
    connection: Connection,
    context: ChangeContext,
    client_id: int,
    field: SecretField,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Idempotent: without the secret nothing changes. Refused (412) as `put` is."""
    before = lock_client(connection, client_id, expected)
    if field not in before.secrets:
        return Change(ClientChanged(**before.client.model_dump()), [])
    key = (client_secret.c.client_id == client_id, client_secret.c.field == field)
    connection.execute(sa.delete(client_secret).where(*key))
    return update_client(connection, context, f"client.{field}.removed", before, before.client)


def sealed_for(rings: KeyRings, client_id: int, field: SecretField, value: SecretStr) -> str:
    try:
        return seal(rings.ring(field), client_id, field, value.get_secret_value())
    except Unsealable as error:
        refuse(503, "KEY_RING_FILE", str(error), "mount one that has it")


def rewrap_some(
    connection: Connection,
    context: ChangeContext,
    rings: KeyRings,
    at_once: int = CLIENTS_AT_ONCE,
) -> Change[int]:
    """Puts the secrets of the next clients under their rings' active keys; how many clients that
    were, 0 when all are done: there may be 100,000 of them, and services use their rows meanwhile.

    After it, and a short wait for the events, the old keys can leave the rings. A key that is
    missing refuses all of it.
    """
    rows: list[OutboxRow] = []
    ids = connection.scalars(
        sa.select(client_secret.c.client_id)
        .where(is_outdated(rings))
        .group_by(client_secret.c.client_id)
        .order_by(client_secret.c.client_id)
        .limit(at_once)
    ).all()
    for client_id in ids:
        before = lock_client(connection, client_id)
        for field, sealed in before.secrets.items():
            key = (client_secret.c.client_id == client_id, client_secret.c.field == field)
            rewrapped = rewrapped_for(rings, client_id, field, sealed)
            connection.execute(sa.update(client_secret).where(*key).values(sealed=rewrapped))
        rows += update_client(
            connection, context, "client.secrets.rewrap", before, before.client
        ).rows
    return Change(len(ids), rows)


def is_outdated(rings: KeyRings) -> sa.ColumnElement[bool]:
    """Not under the active key of its field's ring; with no ring at all, rewrapping names it."""
    kid = sa.func.split_part(client_secret.c.sealed, ".", 2)
    active = [
        sa.and_(client_secret.c.field == field, kid == ring.active)
        for field, ring in rings.given().items()
    ]
    return sa.not_(sa.or_(*active))


def rewrapped_for(rings: KeyRings, client_id: int, field: str, sealed: str) -> str:
    try:
        return rewrap(rings.ring(field), client_id, field, sealed)
    except Unsealable as error:
        refuse(
            422,
            "KEY_RING_FILE",
            f"client {client_id}, {field}: {error}",
            "take the file that has every private key; nothing was changed",
        )


def key_uses(connection: Connection) -> Counter[KeyUse]:
    """How many secrets each key seals."""
    rows = connection.execute(sa.select(client_secret.c.field, client_secret.c.sealed))
    return Counter(use_of(row.field, row.sealed) for row in rows)
