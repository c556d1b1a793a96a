"""One user and one schema per service: `python -m ops.create_roles`; safe to repeat.

A repeat sets the passwords again, which is how a password is rotated.
"""

import sys
from collections.abc import Mapping
from contextlib import closing

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import make_url

from common.service.settings import DatabaseSettings, Secret, load

ROLE_AND_SCHEMA = (
    # Without superuser rights, only a member of a role may give it a schema.
    "GRANT {name} TO CURRENT_USER",
    "ALTER ROLE {name} LOGIN PASSWORD {password}",
    "ALTER ROLE {name} SET search_path = {name}",
    "CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {name}",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
)


class RoleSettings(DatabaseSettings):
    """database_url is an administrator's; the others are what the services will use, each with its
    schema's name as the user."""

    admin_database_url: Secret
    assistant_database_url: Secret
    sender_database_url: Secret

    def passwords(self) -> dict[str, str]:
        """By role, which is the schema too."""
        urls = {
            "admin": self.admin_database_url,
            "assistant": self.assistant_database_url,
            "sender": self.sender_database_url,
        }
        return {role: password_of(role, url.get_secret_value()) for role, url in urls.items()}


def password_of(role: str, url: str) -> str:
    """Raises ValueError when the URL is another user's, or has no password."""
    parsed = make_url(url)
    if parsed.username != role or not parsed.password:
        setting = f"{role.upper()}_DATABASE_URL"
        raise ValueError(f"{setting} must be postgresql://{role}:PASSWORD@host:port/database")
    return str(parsed.password)


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


def main() -> None:
    settings = load(RoleSettings)
    try:
        passwords = settings.passwords()
    except ValueError as error:
        sys.stderr.write(f"settings: {error}\n")
        raise SystemExit(2) from None
    create_roles(settings.database_url.get_secret_value(), passwords)
    sys.stdout.write(f"roles and schemas are there: {', '.join(passwords)}\n")


if __name__ == "__main__":
    main()
