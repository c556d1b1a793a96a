"""A number and a phone belong to one client; the refusal names it to who may see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import sqlalchemy as sa
from sqlalchemy import Connection

from tenant_admin.core.own_clients import all_clients, is_own
from tenant_admin.core.problems import refuse
from tenant_admin.core.tables import clients


def refuse_shared_phone(connection: Connection, client_id: int, phone_number: str) -> None:
    """No unique index: clients of older versions may share one. The lock keeps out a second
    transaction that asks for the same phone at the same time."""
    lock = sa.func.hashtext(f"phone:{phone_number}")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    others = (clients.c.phone_number == phone_number, clients.c.id != client_id)
    with all_clients(connection):
        owner = connection.execute(sa.select(clients.c.id).where(*others).limit(1)).scalar()
    if owner is not None:
        refuse_owned(connection, "phone_number", phone_number, owner)


@contextmanager
def refuse_taken_number(connection: Connection, phone_number_id: str) -> Iterator[None]:
    """The refusal names the client that has the number; the unique index does not."""
    try:
        with connection.begin_nested():
            yield
    except sa.exc.IntegrityError as error:
        if "clients_phone_number_id" not in str(error.orig):
            raise
        query = sa.select(clients.c.id).where(clients.c.phone_number_id == phone_number_id)
        owner = connection.execute(query).scalar()
        refuse_owned(connection, "phone_number_id", phone_number_id, owner)


def refuse_owned(connection: Connection, field: str, number: str, owner: int | None) -> NoReturn:
    """owner: None where the transaction does not see it."""
    message = f"{number} already belongs to another client"
    if owner is not None and is_own(connection, owner):
        message = f"{number} already belongs to client {owner}"
    refuse(409, field, message, "check the number, or change or delete that client")
