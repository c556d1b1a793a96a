"""The clients that a transaction sees: those of the key that it works for, or all.

Twice: queries leave out what is of others, and so does the database by itself where the service is
not the tables' owner (row-level security, migration 0008), should a query forget to.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Connection

OwnClients = frozenset[int] | None
# Ends with the transaction, so that a pooler gives it to nobody else. Empty or absent: all.
SET = sa.text("select set_config('conserje.clients', :clients, true)")


def limit(connection: Connection, own: OwnClients) -> None:
    """To be called first in a transaction; None, for all, costs nothing."""
    if own is not None:
        connection.execution_options(own_clients=own)
        connection.execute(SET, {"clients": array_of(own)})


def own_clients(connection: Connection) -> OwnClients:
    own: OwnClients = connection.get_execution_options().get("own_clients")
    return own


def is_own(connection: Connection, client_id: int) -> bool:
    own = own_clients(connection)
    return own is None or client_id in own


def of_own(connection: Connection, column: sa.Column[int]) -> list[sa.ColumnElement[bool]]:
    """A condition on the column that names a row's client; none where all are seen."""
    own = own_clients(connection)
    return [] if own is None else [column.in_(sorted(own))]


@contextmanager
def all_clients(connection: Connection) -> Iterator[None]:
    """The database shows all clients: for what must be unique among them. The caller shows nothing
    of theirs."""
    own = own_clients(connection)
    if own is not None:
        connection.execute(SET, {"clients": ""})
    yield
    if own is not None:
        connection.execute(SET, {"clients": array_of(own)})


def array_of(own: frozenset[int]) -> str:
    """As PostgreSQL writes an array."""
    return "{" + ",".join(map(str, sorted(own))) + "}"
