"""Reading the audit log."""

import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import Connection

from tenant_admin.core.field_changes import FieldChange
from tenant_admin.core.filters import EVERY_LINE, AuditFilter
from tenant_admin.core.own_clients import own_clients
from tenant_admin.core.tables import audit_chain, audit_log


class AuditEntry(BaseModel):
    """One change: which fields, and SHA-256 of the object's JSON before and after.

    Each line's `hash` covers the line and the hash of the line before it in the chain.
    """

    id: int
    at: AwareDatetime
    actor: str = Field(description="key:NAME of an API key, cli:NAME@HOST of a person there")
    key_prefix: str | None
    request_id: str
    action: str
    object: str
    before_hash: str | None
    after_hash: str | None
    changes: list[FieldChange]
    position: int = Field(description="In the chain, from 1")
    hash: str


def page(
    connection: Connection,
    only: AuditFilter = EVERY_LINE,
    after: int | None = None,
    limit: int = 50,
) -> list[AuditEntry]:
    """Newest first. A key of some clients sees what was done with them; what was done with
    assistants and keys is of the installation."""
    query = (
        sa.select(audit_log, audit_chain.c.position, audit_chain.c.hash)
        .join(audit_chain, audit_chain.c.line_id == audit_log.c.id)
        .where(*only.conditions())
        .order_by(audit_log.c.id.desc())
        .limit(limit)
    )
    own = own_clients(connection)
    if own is not None:
        query = query.where(audit_log.c.object.in_([f"client:{each}" for each in sorted(own)]))
    if after is not None:
        query = query.where(audit_log.c.id < after)
    return [AuditEntry(**row) for row in connection.execute(query).mappings()]
