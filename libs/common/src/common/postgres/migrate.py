"""Alembic from code: each service migrates its own schema with the migrations it carries."""

import sys
from importlib.resources import files

import psycopg2
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from common.postgres.dsn import dsn_of
from common.postgres.engine import DRIVER, connection_arguments
from common.postgres.errors import is_outage, reason_of
from common.postgres.rights import NONE_LIMITED, LimitedTables, grant_rights
from common.postgres.wait_for_schema import newest_revision
from common.service.no_words import refuse_words
from common.service.settings import DatabaseSettings, load

LOCK = 7_700_001  # two replicas that start together migrate one after the other
# No timeout of a role of services; but nobody is kept waiting behind a migration that waits.
LIMITS = """set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
set local lock_timeout = '10s'"""


def upgrade(dsn: str, package: str, schema: str, limited: LimitedTables = NONE_LIMITED) -> str:
    """Brings the package's schema to its newest revision, and names the one it then has.

    A schema that a newer version migrated is left as it is: that is a rollback, and migrations only
    add. Then the role of the service gets its rights, see grant_rights.
    """
    engine = migration_engine(dsn)
    with engine.begin() as connection:
        connection.exec_driver_sql(LIMITS)
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
        if not sa.inspect(connection).has_schema(schema):  # a service's own user may not create one
            connection.exec_driver_sql(f"create schema {schema}")
        connection.exec_driver_sql(f"set local search_path = {schema}")
        reached = newest_revision(package)
        if (present := current_revision(connection, schema) or "") > reached:
            reached = present
        else:
            config = configuration(package)
            config.attributes.update(connection=connection, schema=schema)
            command.upgrade(config, "head")
        grant_rights(connection, schema, limited)
    engine.dispose()
    return reached


def migration_engine(dsn: str) -> sa.Engine:
    """Whose role needs no settings of ours, and which may go through any pooler."""
    return sa.create_engine(
        f"{DRIVER}://",
        creator=lambda: psycopg2.connect(**connection_arguments(dsn, "migrate")),
        hide_parameters=True,
    )


def migrate_service(package: str, schema: str) -> None:
    """A service's whole migrate command: migrates DATABASE_URL, prints the revision."""
    refuse_words(f"Creates or updates the tables of {package}. Needs DATABASE_URL.")
    settings = load(DatabaseSettings)
    try:
        reached = upgrade(dsn_of(settings), package, schema)
    except sa.exc.OperationalError as error:
        if not is_outage(error):
            raise
        sys.stderr.write(f"error: DATABASE_URL: {reason_of(error)}\n")
        raise SystemExit(1) from None
    sys.stdout.write(f"{package}: schema at revision {reached}\n")


def configuration(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package).joinpath("migrations")))
    config.set_main_option("path_separator", "os")
    return config


def current_revision(connection: sa.Connection, schema: str) -> str | None:
    options = {"version_table_schema": schema}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def run_in_env(config: Config) -> None:
    """All that a service's migrations/env.py does."""
    from alembic import context  # only inside env.py does this proxy have a target

    context.configure(
        connection=config.attributes["connection"],
        version_table_schema=config.attributes["schema"],
    )
    with context.begin_transaction():
        context.run_migrations()
