"""Reading the audit log."""

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import Connection

from tenant_admin.core.own_clients import own_clients
from tenant_admin.core.tables import audit_log


class AuditEntry(BaseModel):
    """One change: SHA-256 of the object's JSON before and after, never its values."""

    id: int
    at: AwareDatetime
    actor: str
    key_prefix: str | None
    request_id: str
    action: str
    object: str
    before_hash: str | None
    after_hash: str | None


def page(
    connection: Connection, about: str | None, after: int | None, limit: int
) -> list[AuditEntry]:
    """Newest first; `about` is an object such as client:7. A key of some clients sees what was
    done with them; what was done with assistants and keys is of the installation."""
    query = sa.select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    own = own_clients(connection)
    if own is not None:
        query = query.where(audit_log.c.object.in_([f"client:{each}" for each in sorted(own)]))
    if about is not None:
        query = query.where(audit_log.c.object == about)
    if after is not None:
        query = query.where(audit_log.c.id < after)
    return [AuditEntry(**row) for row in connection.execute(query).mappings()]
