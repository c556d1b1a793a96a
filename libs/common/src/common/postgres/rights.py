"""What the role of a service may do in its schema, which another role owns and migrates.

A role that owns its tables could switch off their triggers, so that no table would be append-only
for it.
"""

from collections.abc import Iterable

import sqlalchemy as sa

IS_ANOTHERS = "select current_user <> %(role)s and to_regrole(%(role)s) is not null"
RIGHTS = """
grant usage on schema {schema} to {role};
grant select, insert, update, delete on all tables in schema {schema} to {role};
grant usage, select on all sequences in schema {schema} to {role};
revoke insert, update, delete on {schema}.alembic_version from {role};
"""
APPEND_ONLY = "revoke update, delete on {schema}.{table} from {role};"


def grant_rights(connection: sa.Connection, schema: str, append_only: Iterable[str]) -> None:
    """To the role that is named like the schema; nothing where it is the one that migrates."""
    role = connection.dialect.identifier_preparer.quote(schema)
    if not connection.exec_driver_sql(IS_ANOTHERS, {"role": schema}).scalar():
        return
    revoked = [APPEND_ONLY.format(schema=role, table=table, role=role) for table in append_only]
    connection.exec_driver_sql("".join([RIGHTS.format(schema=role, role=role), *revoked]))
