"""The secrets of a client: sealed for it and for their field, shown to nobody."""

from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from pydantic import SecretStr, ValidationError
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from common.outbox import OutboxRow
from common.sealed import KeyRing, kid_of, rewrap, seal
from tenant_admin.change import Cause, Change
from tenant_admin.clients import ClientChanged, locked, write
from tenant_admin.problems import refuse
from tenant_admin.tables import client_secret

SecretField = Literal["access_token", "openai_api_key"]


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
    cause: Cause,
    ring: KeyRing,
    client_id: int,
    field: SecretField,
    value: SecretStr,
) -> Change[ClientChanged]:
    before = locked(connection, client_id)
    sealed = seal(ring, client_id, field, value.get_secret_value())
    row = insert(client_secret).values(client_id=client_id, field=field, sealed=sealed)
    connection.execute(
        row.on_conflict_do_update(index_elements=["client_id", "field"], set_={"sealed": sealed})
    )
    return write(connection, cause, f"client.{field}.set", before, before.client)


def remove(
    connection: Connection, cause: Cause, client_id: int, field: SecretField
) -> Change[ClientChanged]:
    """Idempotent: without the secret nothing changes."""
    before = locked(connection, client_id)
    if field not in before.secrets:
        return Change(ClientChanged(**before.client.model_dump()), [])
    key = (client_secret.c.client_id == client_id, client_secret.c.field == field)
    connection.execute(sa.delete(client_secret).where(*key))
    return write(connection, cause, f"client.{field}.removed", before, before.client)


def rewrap_all(connection: Connection, cause: Cause, ring: KeyRing) -> Change[int]:
    """Puts every secret under the ring's active key; returns how many clients that changed.

    Idempotent. After it, and a short wait for the events, the old key can leave the ring.
    """
    query = sa.select(client_secret).order_by(client_secret.c.client_id)
    old = [row for row in connection.execute(query) if kid_of(row.sealed) != ring.active]
    rows: list[OutboxRow] = []
    ids = sorted({row.client_id for row in old})
    for client_id in ids:
        before = locked(connection, client_id)
        for field, sealed in before.secrets.items():
            key = (client_secret.c.client_id == client_id, client_secret.c.field == field)
            fresh = rewrap(ring, client_id, field, sealed)
            connection.execute(sa.update(client_secret).where(*key).values(sealed=fresh))
        rows += write(connection, cause, "client.secrets.rewrap", before, before.client).rows
    return Change(len(ids), rows)
