"""Two users and a schema per service: `python -m ops.create_roles`; safe to repeat.

A service runs as the user that is named like its schema. Another, `..._owner`, owns the schema and
its tables and migrates them. Where the services' owners are not named, there is one user for both.
A repeat sets the passwords again, which is how a password is rotated.
"""

import sys
from collections.abc import Mapping
from contextlib import closing
from time import sleep
from typing import Any, NamedTuple

import psycopg2
from psycopg2 import sql
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from psycopg2.extensions import encrypt_password, parse_dsn

from common.postgres.dsn import dsn_of
from common.postgres.errors import reason_of
from common.postgres.session_check import SETTINGS
from common.service.settings import DatabaseSettings, DatabaseUrl, load

TRIES = 5  # to get the locks of tables that services use meanwhile
ROLE = (
    # Without superuser rights, only a member of a role may give it a schema.
    "GRANT {role} TO CURRENT_USER",
    "ALTER ROLE {role} LOGIN PASSWORD {verifier}",
)
SCHEMA = (
    "ALTER ROLE {service} SET search_path = {service}",
    "ALTER ROLE {owner} SET search_path = {service}",
    "CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {owner}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
)
OWNS = """SELECT FROM pg_class WHERE relowner = to_regrole(%(service)s) UNION ALL
SELECT FROM pg_namespace WHERE nspowner = to_regrole(%(service)s) AND nspname = %(service)s"""
# From one user to two. The running service may go on at once; the migration refines its rights.
TRANSFER = (
    "SET LOCAL lock_timeout = '5s'",
    "REASSIGN OWNED BY {service} TO {owner}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {service} TO {service}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {service} TO {service}",
)
# What the owner will create.
RIGHTS = (
    "GRANT USAGE ON SCHEMA {service} TO {service}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service}"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {service}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {service}"
    " GRANT USAGE, SELECT ON SEQUENCES TO {service}",
)


class Passwords(NamedTuple):
    """Of the users of one service. owner: None where the service's own user owns its tables."""

    service: str
    owner: str | None


class RoleSettings(DatabaseSettings):
    """database_url is an administrator's; the others are what the services and their migrations
    will use, each with its schema's name as the user, or that with `_owner`."""

    admin_database_url: DatabaseUrl
    assistant_database_url: DatabaseUrl
    sender_database_url: DatabaseUrl
    admin_owner_database_url: DatabaseUrl | None = None
    assistant_owner_database_url: DatabaseUrl | None = None
    sender_owner_database_url: DatabaseUrl | None = None

    def passwords(self) -> dict[str, Passwords]:
        """By schema. Raises ValueError."""
        return {
            schema: Passwords(self._password(schema) or "", self._password(f"{schema}_owner"))
            for schema in ("admin", "assistant", "sender")
        }

    def _password(self, role: str) -> str | None:
        url = getattr(self, f"{role}_database_url")
        return password_of(role, url.get_secret_value()) if url else None


def password_of(role: str, url: str) -> str:
    """Raises ValueError when the URL is another user's, or has no password."""
    parsed = parse_dsn(f"postgresql://{url.partition('://')[2]}")
    if parsed.get("user") != role or not parsed.get("password"):
        setting = f"{role.upper()}_DATABASE_URL"
        raise ValueError(f"{setting} must be postgresql://{role}:PASSWORD@host:port/database")
    return str(parsed["password"])


def create_roles(dsn: str, passwords: Mapping[str, Passwords]) -> None:
    """For each schema its roles and, in the database of `dsn`, the schema; what is there is kept.

    A role finds its tables in its schema without a prefix, and may enter no other.
    """
    with closing(psycopg2.connect(dsn)) as connection:
        for schema, given in passwords.items():
            with connection, connection.cursor() as cursor:
                create_users(cursor, schema, given)
            if given.owner is not None:
                transfer_tables(connection, schema)


def create_users(cursor: Any, schema: str, given: Passwords) -> None:
    roles = ServiceRoles(cursor, schema, f"{schema}_owner" if given.owner is not None else schema)
    roles.create_role(schema, given.service)
    if given.owner is not None:
        roles.create_role(roles.owner, given.owner)
    roles.execute(SCHEMA)
    for name, value in SETTINGS.items():
        cursor.execute(roles.filled(f"ALTER ROLE {{service}} SET {name} = '{value}'"))


def transfer_tables(connection: Any, schema: str) -> None:
    """All that the role of the service owns to the owner. Tried again while services hold locks."""
    for left in reversed(range(TRIES)):
        try:
            with connection, connection.cursor() as cursor:
                roles = ServiceRoles(cursor, schema, f"{schema}_owner")
                cursor.execute(OWNS, {"service": schema})
                roles.execute((*TRANSFER, *RIGHTS) if cursor.fetchone() is not None else RIGHTS)
            return
        except (DeadlockDetected, LockNotAvailable):
            if not left:
                raise
            sleep(1)


class ServiceRoles(NamedTuple):
    """The users of one service, to be filled into statements."""

    cursor: Any
    service: str
    owner: str

    def filled(self, statement: str, **more: sql.Composable) -> sql.Composed:
        names = {"service": sql.Identifier(self.service), "owner": sql.Identifier(self.owner)}
        return sql.SQL(statement).format(**names, **more)

    def execute(self, statements: tuple[str, ...], **more: sql.Composable) -> None:
        for statement in statements:
            self.cursor.execute(self.filled(statement, **more))

    def create_role(self, role: str, password: str) -> None:
        """The server is sent a verifier, as its log may keep statements."""
        name = sql.Identifier(role)
        self.cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
        if not self.cursor.fetchone():
            self.execute(("CREATE ROLE {role}",), role=name)
        verifier = encrypt_password(
            password, role, scope=self.cursor.connection, algorithm="scram-sha-256"
        )
        self.execute(ROLE, role=name, verifier=sql.Literal(verifier))


def main() -> None:
    settings = load(RoleSettings)
    try:
        passwords = settings.passwords()
    except ValueError as error:
        sys.stderr.write(f"settings: {error}\n")
        raise SystemExit(2) from None
    try:
        create_roles(dsn_of(settings), passwords)
    except psycopg2.OperationalError as error:
        sys.stderr.write(f"error: DATABASE_URL: {reason_of(error)}\n")
        raise SystemExit(1) from None
    sys.stdout.write(f"roles and schemas are there: {', '.join(passwords)}\n")


if __name__ == "__main__":
    main()
