"""New databases on a server."""

from contextlib import closing

import psycopg2
from psycopg2 import sql


def create_database(url: str, name: str, template: str | None = None) -> None:
    """Creates `name` unless it is there. `template` must have no open connection."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template1")
    )
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # CREATE DATABASE refuses a transaction
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not cursor.fetchone():
            cursor.execute(create)
