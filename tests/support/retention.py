"""One run of a service's retention rules on a real database, and the plans of their statements."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from common.postgres.connection import SqlConnection
from common.postgres.retention import (
    EVERY_SECONDS,
    MOST_ROWS,
    Retention,
    RetentionRule,
    Transaction,
    remove,
)


class HasTransaction(Protocol):
    @property
    def transaction(self) -> Transaction: ...


async def run_retention(database: HasTransaction, rules: Sequence[RetentionRule]) -> None:
    """Without the pauses. Raises what a step raises."""
    retention = Retention(database.transaction, rules)
    while await retention.step() != EVERY_SECONDS:
        pass


def removed_by_step(connection: SqlConnection, rule: RetentionRule) -> int:
    removed = remove(connection, rule, MOST_ROWS)
    assert removed is not None
    return removed


def indexes_of(connection: SqlConnection, rule: RetentionRule) -> set[str]:
    """By which the rule finds its rows. AssertionError for one that reads a table whole or sorts
    what it found: then the index has not all that it needs."""
    connection.exec_driver_sql("set local enable_seqscan = off; set local enable_bitmapscan = off")
    values = {"kept": rule.kept, "rows": MOST_ROWS}
    statement = f"explain (format json) {rule.statement}"
    plan = connection.exec_driver_sql(statement, values).scalar()[0]["Plan"]
    nodes = list(nodes_of(plan))
    kinds = {node["Node Type"] for node in nodes}
    assert not kinds & {"Seq Scan", "Sort"}, plan
    return {node["Index Name"] for node in nodes if "Index Name" in node}


def tables_without_rule(connection: SqlConnection, rules: Sequence[RetentionRule]) -> set[str]:
    """Of the schema in the search path."""
    query = "select tablename from pg_tables where schemaname = current_schema()"
    return {row.tablename for row in connection.exec_driver_sql(query)} - {r.name for r in rules}


def nodes_of(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes_of(below)
