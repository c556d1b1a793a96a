"""What the role of a service may do in its schema, which another role owns and migrates.

A role that owns its tables could switch off their triggers, so that no table would be append-only
for it.
"""

from typing import NamedTuple

import sqlalchemy as sa

IS_ANOTHERS = "select current_user <> %(role)s and to_regrole(%(role)s) is not null"
RIGHTS = """
grant usage on schema {schema} to {role};
grant select, insert, update, delete on all tables in schema {schema} to {role};
grant usage, select on all sequences in schema {schema} to {role};
"""
READ_ONLY = "revoke insert, update, delete on {schema}.{table} from {role};"
APPEND_ONLY = "revoke update, delete on {schema}.{table} from {role};"


class LimitedTables(NamedTuple):
    """Those whose rows the service may only add, or only read; any other row it may change."""

    append_only: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()


NONE_LIMITED = LimitedTables()


def grant_rights(connection: sa.Connection, schema: str, limited: LimitedTables) -> None:
    """To the role that is named like the schema; nothing where it is the one that migrates."""
    role = connection.dialect.identifier_preparer.quote(schema)
    if not connection.exec_driver_sql(IS_ANOTHERS, {"role": schema}).scalar():
        return
    revoked = [
        *(APPEND_ONLY.format(schema=role, table=each, role=role) for each in limited.append_only),
        *(
            READ_ONLY.format(schema=role, table=each, role=role)
            for each in ("alembic_version", *limited.read_only)
        ),
    ]
    connection.exec_driver_sql("".join([RIGHTS.format(schema=role, role=role), *revoked]))
