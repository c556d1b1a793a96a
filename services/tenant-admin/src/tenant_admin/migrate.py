"""`python -m tenant_admin.migrate`: brings the schema to its newest revision."""

import sys

from common.postgres.dsn import dsn_of
from common.postgres.migrate import current_revision, migration_engine, upgrade
from common.postgres.rights import LimitedTables
from common.service.no_words import refuse_words
from common.service.settings import DatabaseSettings, load
from tenant_admin.cli.session import exit_on_expected_errors
from tenant_admin.core.tables import SCHEMA

LIMITED = LimitedTables(append_only=("audit_log",), read_only=("audit_chain",))


def migrate(dsn: str) -> str:
    """Idempotent; says what it did."""
    engine = migration_engine(dsn)
    with engine.connect() as connection:
        before = current_revision(connection, SCHEMA)
    engine.dispose()
    after = upgrade(dsn, "tenant_admin", SCHEMA, LIMITED)
    if before == after:
        return f"Schema {SCHEMA} is up to date (revision {after})."
    return f"Schema {SCHEMA}: tables {'updated' if before else 'created'} (revision {after})."


def main() -> None:
    refuse_words("Creates or updates the tables. Needs DATABASE_URL.")
    with exit_on_expected_errors():
        report = migrate(dsn_of(load(DatabaseSettings)))
    sys.stdout.write(f"{report}\n")


if __name__ == "__main__":
    main()
