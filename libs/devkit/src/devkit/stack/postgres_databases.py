"""Databases, and one role with one schema for each service, as the superuser at `url` may make."""

from collections.abc import Mapping
from contextlib import closing

import psycopg2
from psycopg2 import sql

ROLE_AND_SCHEMA = (
    "ALTER ROLE {name} LOGIN PASSWORD {password}",
    "ALTER ROLE {name} SET search_path = {name}",
    "CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {name}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
)


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


def create_roles(url: str, passwords: Mapping[str, str]) -> None:
    """For each name a role and, in the database of `url`, a schema; what is there is kept.

    A role owns its schema, finds its tables there without a prefix, and may enter no other.
    """
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for name, password in passwords.items():
            filled = {"name": sql.Identifier(name), "password": sql.Literal(password)}
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("CREATE ROLE {name}").format(**filled))
            for statement in ROLE_AND_SCHEMA:
                cursor.execute(sql.SQL(statement).format(**filled))
