"""Alembic from code: each service migrates its own schema with the migrations it carries."""

import sys
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from common.postgres.engine import driver_url
from common.postgres.wait_for_schema import newest_revision
from common.service.settings import DatabaseSettings, load

LOCK = 7_700_001  # two replicas that start together migrate one after the other


def upgrade(url: str, package: str, schema: str) -> str:
    """Brings the package's schema to its newest revision, and names the one it then has.

    A schema that a newer version migrated is left as it is: that is a rollback, and migrations only
    add. Migrations have no statement timeout; they still give up on a lock after 10 s.
    """
    engine = sa.create_engine(
        driver_url(url), connect_args={"options": "-c lock_timeout=10000"}, hide_parameters=True
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
        if not sa.inspect(connection).has_schema(schema):  # a service's own user may not create one
            connection.exec_driver_sql(f"create schema {schema}")
        connection.exec_driver_sql(f"set search_path = {schema}")
        reached = newest_revision(package)
        if (present := current_revision(connection, schema) or "") > reached:
            reached = present
        else:
            config = configuration(package)
            config.attributes.update(connection=connection, schema=schema)
            command.upgrade(config, "head")
    engine.dispose()
    return reached


def migrate_service(package: str, schema: str) -> None:
    """A service's whole migrate command: migrates DATABASE_URL, prints the revision."""
    url = load(DatabaseSettings).database_url.get_secret_value()
    sys.stdout.write(f"{package}: schema at revision {upgrade(url, package, schema)}\n")


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
