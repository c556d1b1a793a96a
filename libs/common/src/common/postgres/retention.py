"""Deletes rows that were kept long enough, or empties their texts: once an hour, in small steps.

A step is one short transaction on at most MOST_ROWS rows that an index finds; rows that others have
locked are left to the next run. Steps of two replicas are never at once: who does not get the lock
ends the run, for the other one is at it.
"""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from random import uniform
from time import perf_counter
from typing import Any, NamedTuple

import structlog

from common.postgres.connection import NO_WAIT, SqlConnection
from common.postgres.errors import is_outage
from common.service import metrics
from common.service.periodic import Periodic

log = structlog.get_logger()
EVERY_SECONDS = 3600.0
STARTS_WITHIN = 600.0  # replicas that start together do not run together
PAUSE_SECONDS = 0.2
RETRY_SECONDS = 60.0
MOST_ROWS, LEAST_ROWS = 1000, 50
LONGEST_STEP = 0.1  # seconds

# A step that is lost is repeated, so it need not wait for the disk.
TRY_LOCK = f"""{NO_WAIT};
select pg_try_advisory_xact_lock(hashtext(current_schema() || '.retention'))"""


class RetentionRule(NamedTuple):
    """`statement` deletes or empties at most %(rows)s rows that are older than %(kept)s, and
    returns a row for each. `name` is a label of metrics: a table, or what is emptied in it."""

    name: str
    kept: timedelta
    statement: str


Transaction = Callable[[Callable[[Any], int | None]], Awaitable[int | None]]


def delete_older(table: str, column: str, kept_days: int, where: str = "true") -> RetentionRule:
    """`column`: the moment or day from which a row's time counts; a null keeps it. An index on it
    holds the rows that meet `where`, in which `old` is the row."""
    statement = f"delete from {table} where {oldest(table, column, where)} returning 1"
    return RetentionRule(table, timedelta(days=kept_days), statement)


def empty_older(
    name: str, table: str, column: str, kept_days: int, changes: str, where: str
) -> RetentionRule:
    """`changes`: assignments after which `where` holds no longer."""
    statement = f"update {table} set {changes} where {oldest(table, column, where)} returning 1"
    return RetentionRule(name, timedelta(days=kept_days), statement)


def oldest(table: str, column: str, where: str) -> str:
    """By their place in the table: not every table has a key of one column."""
    return f"""ctid = any(array(
  select ctid from {table} old where {column} < now() - %(kept)s and {where}
  order by {column} limit %(rows)s for update skip locked))"""


def remove(connection: SqlConnection, rule: RetentionRule, rows: int) -> int | None:
    """One step: how many rows it deleted or emptied; None while another replica is at it."""
    if not connection.exec_driver_sql(TRY_LOCK).scalar():
        return None
    values = {"kept": rule.kept, "rows": rows}
    return len(connection.exec_driver_sql(rule.statement, values).all())


def rows_of_next_step(rows: int, seconds: float) -> int:
    """After a step of so many rows that took so long."""
    if seconds > LONGEST_STEP:
        return max(LEAST_ROWS, rows // 2)
    return min(MOST_ROWS, rows * 2) if seconds < LONGEST_STEP / 4 else rows


class Retention:
    """A Component. transaction: `transaction` of a database of common or of tenant-admin.

    What fails is logged, and the run goes on with the next rule; only a run in which no rule failed
    counts as completed.
    """

    def __init__(self, transaction: Transaction, rules: Sequence[RetentionRule]) -> None:
        self._transaction = transaction
        self._rules = rules
        self._rows = MOST_ROWS
        self._begin_run()
        self._steps = Periodic(
            self.step, RETRY_SECONDS, report_failed_step, first_after=uniform(0, STARTS_WITHIN)
        )

    async def start(self) -> None:
        """The start counts as a run, so that an alarm has a time to go by."""
        metrics.RETENTION_COMPLETED.set_to_current_time()
        await self._steps.start()

    async def stop(self) -> None:
        await self._steps.stop()

    async def step(self) -> float:
        """The next step of the run; in how many seconds another one should come."""
        rule, rows, begun = self._left[0], self._rows, perf_counter()
        try:
            removed = await self._transaction(partial(remove, rule=rule, rows=rows))
        except Exception:
            self._is_complete = False
            self._rows = max(LEAST_ROWS, rows // 2)
            self._next_rule()
            raise
        if removed is None:
            self._begin_run()
            return EVERY_SECONDS
        self._rows = rows_of_next_step(rows, perf_counter() - begun)
        metrics.RETENTION_ROWS.labels(rule.name).inc(removed)
        self._removed[rule.name] += removed
        return PAUSE_SECONDS if removed == rows else self._next_rule()

    def _begin_run(self) -> None:
        self._left = deque(self._rules)
        self._removed = Counter({rule.name: 0 for rule in self._rules})
        self._is_complete = True

    def _next_rule(self) -> float:
        self._left.popleft()
        if self._left:
            return PAUSE_SECONDS
        if self._is_complete:
            metrics.RETENTION_COMPLETED.set_to_current_time()
        log.info("retention_ran", complete=self._is_complete, **self._removed)
        self._begin_run()
        return EVERY_SECONDS


def report_failed_step(error: Exception) -> None:
    log.warning("retention_failed", outage=is_outage(error), exc_info=error)
