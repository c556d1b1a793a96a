"""The secrets of a client: sealed for it and for their field, never shown."""

from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr, ValidationError
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.outbox_rows import OutboxRow
from common.sealed import KeyRing, kid_of, rewrap, seal
from common.tenant_secrets import SecretField
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.clients import ClientChanged, lock_client, update_client
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import client_secret


def read_ring(path: Path | None) -> KeyRing:
    """Read at each use, so that a rotated ring needs no restart."""
    if path is None:
        refuse(503, "KEY_RING_FILE", "is not set, so no secret can be sealed", "set it")
    try:
        return KeyRing.read(path)
    except (OSError, ValidationError):
        refuse(503, "KEY_RING_FILE", "is not a readable key ring", "mount a valid one")


def put(
    connection: Connection,
    context: ChangeContext,
    ring: KeyRing,
    client_id: int,
    field: SecretField,
    value: SecretStr,
    expected: int | None = None,
) -> Change[ClientChanged]:
    """Refused (412) when `expected` is not the client's version."""
    before = lock_client(connection, client_id, expected)
    sealed = seal(ring, client_id, field, value.get_secret_value())
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


def rewrap_all(connection: Connection, context: ChangeContext, ring: KeyRing) -> Change[int]:
    """Puts every secret under the ring's active key; returns how many clients that changed.

    Idempotent. After it, and a short wait for the events, the old key can leave the ring.
    """
    query = sa.select(client_secret).order_by(client_secret.c.client_id)
    outdated = [row for row in connection.execute(query) if kid_of(row.sealed) != ring.active]
    rows: list[OutboxRow] = []
    ids = sorted({row.client_id for row in outdated})
    for client_id in ids:
        before = lock_client(connection, client_id)
        for field, sealed in before.secrets.items():
            key = (client_secret.c.client_id == client_id, client_secret.c.field == field)
            rewrapped = rewrap(ring, client_id, field, sealed)
            connection.execute(sa.update(client_secret).where(*key).values(sealed=rewrapped))
        rows += update_client(
            connection, context, "client.secrets.rewrap", before, before.client
        ).rows
    return Change(len(ids), rows)
