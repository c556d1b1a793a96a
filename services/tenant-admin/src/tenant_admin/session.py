"""One run of the command line: its connection, its cause, and what it says when it fails."""

import getpass
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from common.postgres.database import connect, is_outage, sqlstate
from common.service.settings import load
from common.service.tracing import new_trace_id
from tenant_admin.change import Cause, Change
from tenant_admin.problems import Refused
from tenant_admin.settings import CommandSettings
from tenant_admin.tables import SCHEMA

T = TypeVar("T")
Published = Literal["unchanged", "published", "unreachable", "no broker"]
SAYS: dict[Published, str] = {
    "unchanged": "",
    "published": "Live now.",
    "unreachable": "The broker did not answer: the running tenant-admin will publish this.",
    "no broker": "KAFKA_BOOTSTRAP_SERVERS is not set: the running tenant-admin will publish this.",
}
NO_TABLES = "the tables are not there; run python scripts/create_tables.py"
EXPECTED: dict[str | None, str] = {
    "42P01": NO_TABLES,  # undefined_table
    "3F000": NO_TABLES,  # invalid_schema_name
    "42501": "DATABASE_URL: this user lacks rights in the database; use the schema's owner",
}


@dataclass(frozen=True, slots=True)
class Done:
    """A command's result and whether the world knows it."""

    result: Any
    published: Published

    @property
    def says(self) -> str:
        return SAYS[self.published]


@dataclass(frozen=True, slots=True)
class Session:
    """`read` looks, `apply` changes; both are one transaction."""

    engine: Engine
    settings: CommandSettings
    cause: Cause

    def read(self, query: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return query(connection)

    def apply(self, use_case: Callable[[Connection, Cause], Change[Any]]) -> Done:
        with self.engine.begin() as connection:
            change = use_case(connection, self.cause)
        return Done(change.result, self._published(change))

    def _published(self, change: Change[Any]) -> Published:
        if not change.rows:
            return "unchanged"
        if not self.settings.kafka_bootstrap_servers:
            return "no broker"
        from tenant_admin.publish_now import publish_now  # `list` starts faster without it

        done = publish_now(self.engine, self.settings.kafka_bootstrap_servers, change.rows)
        return "published" if done else "unreachable"


@contextmanager
def session() -> Iterator[Session]:
    settings = load(CommandSettings)
    try:
        engine = connect(settings.database_url.get_secret_value(), "manage_clients", SCHEMA, 1)
    except ValueError as error:
        fail(str(error), 2)
    try:
        yield Session(engine, settings, cause_of_this_run())
    finally:
        engine.dispose()


def cause_of_this_run() -> Cause:
    trace_id = new_trace_id()
    return Cause(f"cli:{getpass.getuser()}", None, trace_id, trace_id, datetime.now(UTC))


@contextmanager
def explained() -> Iterator[None]:
    """Expected failures as one line each on stderr. Exit codes: 2 wrong input, 1 not possible."""
    try:
        yield
    except Refused as refused:
        fail("\n".join(error.line() for error in refused.errors), 2)
    except sa.exc.ProgrammingError as error:
        if sqlstate(error) not in EXPECTED:
            raise
        fail(EXPECTED[sqlstate(error)], 1)
    except sa.exc.DBAPIError as error:
        if not is_outage(error):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        fail(f"DATABASE_URL: {reason}; start the database or correct the URL", 1)


def fail(lines: str, code: int) -> NoReturn:
    for line in lines.splitlines():
        sys.stderr.write(f"error: {line}\n")
    raise SystemExit(code)
