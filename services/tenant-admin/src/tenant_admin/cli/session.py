"""One run of the command line: its connection, who runs it, and how it fails."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError
from pydantic_settings import BaseSettings
from sqlalchemy import Connection, Engine

from common.postgres.dsn import dsn_of
from common.postgres.engine import connect
from common.postgres.errors import is_outage, sqlstate
from common.service.settings import WrongFile, problems
from common.service.tracing import new_trace_id
from tenant_admin.cli.machine_user import machine_user
from tenant_admin.cli.terminal import print_error, printable, problem_line, translated
from tenant_admin.core.changes import Change, ChangeContext
from tenant_admin.core.problems import RequestRefused
from tenant_admin.core.tables import SCHEMA
from tenant_admin.settings import CommandSettings

T = TypeVar("T")
Published = Literal["unchanged", "published", "unreachable", "no broker"]
MESSAGES: dict[Published, str] = {
    "unchanged": "",
    "published": "Live now.",
    "unreachable": "The broker did not answer: the running tenant-admin will publish this.",
    "no broker": "KAFKA_BOOTSTRAP_SERVERS is not set: the running tenant-admin will publish this.",
}
NO_TABLES = "the tables are not there; run python scripts/create_tables.py"
EXPECTED_SQLSTATES: dict[str | None, str] = {
    "42P01": NO_TABLES,  # undefined_table
    "3F000": NO_TABLES,  # invalid_schema_name
    "42501": "DATABASE_URL: this user lacks rights in the database; use the schema's owner",
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """A command's result, and whether its events are published."""

    value: Any
    published: Published

    @property
    def message(self) -> str:
        return MESSAGES[self.published]


@dataclass(frozen=True, slots=True)
class Session:
    """`read` looks, `apply` changes; both are one transaction."""

    engine: Engine
    settings: CommandSettings
    context: ChangeContext

    def read(self, query: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return query(connection)

    def apply(self, use_case: Callable[[Connection, ChangeContext], Change[Any]]) -> CommandResult:
        with self.engine.begin() as connection:
            change = use_case(connection, self.context)
        return CommandResult(change.result, self._publish(change))

    def _publish(self, change: Change[Any]) -> Published:
        if not change.rows:
            return "unchanged"
        if not self.settings.kafka_bootstrap_servers:
            return "no broker"
        from tenant_admin.cli.publish_now import publish_now  # `list` starts faster without it

        acknowledged = publish_now(self.engine, self.settings, change.rows)
        return "published" if acknowledged else "unreachable"


@contextmanager
def open_session() -> Iterator[Session]:
    settings = load_settings(CommandSettings)
    engine = connect(dsn_of(settings), "manage_clients", SCHEMA, 1)
    try:
        yield Session(engine, settings, context_of_this_run())
    finally:
        engine.dispose()


def context_of_this_run() -> ChangeContext:
    trace_id = new_trace_id()
    return ChangeContext(f"cli:{machine_user()}", None, trace_id, trace_id, datetime.now(UTC))


S = TypeVar("S", bound=BaseSettings)


def load_settings(settings: type[S]) -> S:
    """As common.service.settings.load, in the operator's language."""
    try:
        return settings()
    except (ValidationError, WrongFile, OSError) as error:
        for line in setting_problems(error):
            sys.stderr.write(f"settings: {printable(line)}\n")
    raise SystemExit(2)


def setting_problems(error: ValidationError | WrongFile | OSError) -> list[str]:
    """A line each: the variable's name and what is wrong, or a whole text."""
    if isinstance(error, ValidationError):
        return [problem_in_words(line) for line in problems(error)]
    if isinstance(error, OSError):
        return [translated(f"cannot read {error.filename}: {error.strerror}")]
    return [translated(str(error))]


def problem_in_words(line: str) -> str:
    name, separator, problem = line.partition(": ")
    return f"{name}: {translated(problem)}" if separator and name.isupper() else translated(line)


@contextmanager
def exit_on_expected_errors() -> Iterator[None]:
    """Expected failures as one line each on stderr. Exit codes: 2 wrong input, 1 not possible."""
    try:
        yield
    except RequestRefused as refused:
        fail("\n".join(map(problem_line, refused.errors)), 2)
    except sa.exc.ProgrammingError as error:
        if sqlstate(error) not in EXPECTED_SQLSTATES:
            raise
        fail(translated(EXPECTED_SQLSTATES[sqlstate(error)]), 1)
    except sa.exc.DBAPIError as error:
        if not is_outage(error):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        fail(translated(f"DATABASE_URL: {reason}; start the database or correct the URL"), 1)


def fail(lines: str, code: int) -> NoReturn:
    for line in lines.splitlines():
        print_error(line)
    raise SystemExit(code)
