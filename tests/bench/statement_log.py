"""Database work counted: transactions from the statistics, round trips from the statement log.

psycopg2 speaks the simple protocol: what one call sends, however many statements, is one line of
the log, and one round trip. Lines that go on from it begin with a tab.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from devkit.stack.postgres import LocalPostgres
from devkit.stack.system import DATABASE

SETTINGS = {"log_statement": "all", "log_line_prefix": "%m [%p] %a "}
CALL = re.compile(
    r"^\S+ \S+ \S+ \[\d+\] ([\w-]+) LOG:  (?:statement|execute [^:]*): ", re.MULTILINE
)
TRANSACTIONS = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"
# A session that falls silent reports what it did within ten seconds:
# https://www.postgresql.org/docs/18/monitoring-stats.html
REPORTED_SECONDS = 11.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Since some start: transactions, and round trips by application name. `at`: monotonic."""

    at: float
    transactions: int
    round_trips: Mapping[str, int]


@asynccontextmanager
async def counted(postgres: LocalPostgres) -> AsyncIterator[Callable[[], Awaitable[Counts]]]:
    """Logs every statement as long as the block runs, at the cost of CPU."""
    configure(postgres, *(f"{name} = '{value}'" for name, value in SETTINGS.items()))
    start = postgres.log.stat().st_size

    async def read() -> Counts:
        """Returns once everything before the call is in both counts."""
        await asyncio.sleep(REPORTED_SECONDS)
        return Counts(time.monotonic(), transactions(postgres), round_trips(postgres, start))

    try:
        yield read
    finally:
        configure(postgres, *(f"{name} = default" for name in SETTINGS))


def configure(postgres: LocalPostgres, *settings: str) -> None:
    for setting in settings:
        execute(postgres, f"alter system set {setting}")
    execute(postgres, "select pg_reload_conf()")


def transactions(postgres: LocalPostgres) -> int:
    return int(execute(postgres, TRANSACTIONS, DATABASE)[0][0])


def round_trips(postgres: LocalPostgres, start: int) -> Counter[str]:
    with postgres.log.open(errors="replace") as log:
        log.seek(start)
        return calls_in(log.read())


def calls_in(log: str) -> Counter[str]:
    return Counter(CALL.findall(log))


def execute(postgres: LocalPostgres, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(postgres.url())) as connection, connection.cursor() as cursor:
        connection.autocommit = True  # ALTER SYSTEM refuses a transaction
        cursor.execute(statement, values or None)  # without values, % is itself
        return cursor.fetchall() if cursor.description else []


def per_message(start: Counts, loaded: Counts, end: Counts, messages: int) -> dict[str, Any]:
    """Idle from `start` to `loaded`, then under load: what the messages added, and the idle."""
    idle_seconds, seconds = loaded.at - start.at, end.at - loaded.at

    def added(first: int, second: int, third: int) -> float:
        return round((third - second - (second - first) * seconds / idle_seconds) / messages, 2)

    trips = {
        name: added(*(counts.round_trips.get(name, 0) for counts in (start, loaded, end)))
        for name in sorted(end.round_trips)
    }
    idle_trips = sum(loaded.round_trips.values()) - sum(start.round_trips.values())
    return {
        "transactions": added(*(counts.transactions for counts in (start, loaded, end))),
        "round_trips": {**trips, "sum": round(sum(trips.values()), 2)},
        "idle_per_second": {
            "transactions": round((loaded.transactions - start.transactions) / idle_seconds, 1),
            "round_trips": round(idle_trips / idle_seconds, 1),
        },
    }
