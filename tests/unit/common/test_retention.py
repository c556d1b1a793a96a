"""Retention: steps of one run, what is left out, what counts as complete; its settings."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from common.postgres.retention import (
    EVERY_SECONDS,
    LEAST_ROWS,
    LONGEST_STEP,
    MOST_ROWS,
    PAUSE_SECONDS,
    Retention,
    RetentionRule,
    rows_of_next_step,
)
from common.postgres.retention_settings import RowRetentionSettings, UsageRetentionSettings
from common.service.settings import problems

RULES = [RetentionRule(name, timedelta(days=1), name) for name in ("first", "second")]
COMPLETED = "conserje_retention_completed_timestamp_seconds"


class Rows(list[Any]):
    def all(self) -> list[Any]:
        return self

    def scalar(self) -> Any:
        return self[0]


class Overdue:
    """A connection to a database with so many rows whose time is over, by rule. A rule whose rows
    are an error fails."""

    def __init__(self, **rows: int | Exception) -> None:
        self.rows = rows
        self.locked = True
        self.steps: list[str] = []

    async def transaction(self, body: Callable[[Any], int | None]) -> int | None:
        return body(self)

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> Rows:
        if parameters is None:
            return Rows([self.locked])
        self.steps.append(statement)
        left = self.rows[statement]
        if isinstance(left, Exception):
            raise left
        removed = min(left, parameters["rows"])
        self.rows[statement] = left - removed
        return Rows([1] * removed)


async def waits_of(retention: Retention, steps: int) -> list[float]:
    return [await retention.step() for _ in range(steps)]


def completed() -> float:
    return REGISTRY.get_sample_value(COMPLETED) or 0.0


async def test_a_run_goes_through_all_rules_in_steps_with_pauses() -> None:
    overdue = Overdue(first=2 * MOST_ROWS + 1, second=0)
    retention = Retention(overdue.transaction, RULES)
    assert await waits_of(retention, 4) == [PAUSE_SECONDS] * 3 + [EVERY_SECONDS]
    assert overdue.rows == {"first": 0, "second": 0}
    assert overdue.steps == ["first"] * 3 + ["second"]


async def test_nothing_to_do_is_one_step_for_each_rule_and_the_next_run_is_like_it() -> None:
    overdue = Overdue(first=0, second=0)
    retention = Retention(overdue.transaction, RULES)
    assert await waits_of(retention, 4) == [PAUSE_SECONDS, EVERY_SECONDS] * 2
    assert overdue.steps == ["first", "second"] * 2


async def test_who_does_not_get_the_lock_removes_nothing_and_leaves_the_run_to_the_other() -> None:
    overdue = Overdue(first=1, second=1)
    overdue.locked = False
    before = completed()
    assert await waits_of(Retention(overdue.transaction, RULES), 1) == [EVERY_SECONDS]
    assert overdue.steps == []
    assert completed() == before


async def test_a_rule_that_fails_hinders_no_other_and_the_run_is_not_complete() -> None:
    overdue = Overdue(first=ValueError("broken"), second=1)
    retention = Retention(overdue.transaction, RULES)
    before = completed()
    with pytest.raises(ValueError, match="broken"):
        await retention.step()
    assert await retention.step() == EVERY_SECONDS
    assert overdue.rows["second"] == 0
    assert completed() == before
    overdue.rows["first"] = 0
    await waits_of(retention, 2)
    assert completed() > before


async def test_after_a_last_rule_that_failed_the_next_run_begins_with_the_first() -> None:
    overdue = Overdue(first=0, second=ValueError("broken"))
    retention = Retention(overdue.transaction, RULES)
    await retention.step()
    with pytest.raises(ValueError, match="broken"):
        await retention.step()
    await retention.step()
    assert overdue.steps == ["first", "second", "first"]


async def test_removed_rows_are_counted_by_rule() -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("conserje_retention_rows_total", {"rule": "first"}) or 0.0

    before = counted()
    await waits_of(Retention(Overdue(first=7, second=1).transaction, RULES), 2)
    assert counted() - before == 7


@pytest.mark.parametrize(
    ("rows", "seconds", "expected"),
    [
        (1000, LONGEST_STEP * 1.1, 500),
        (LEAST_ROWS, 60.0, LEAST_ROWS),
        (500, LONGEST_STEP * 0.9, 500),
        (500, LONGEST_STEP / 5, 1000),
        (MOST_ROWS, 0.0, MOST_ROWS),
    ],
)
def test_a_step_that_takes_too_long_is_followed_by_smaller_ones(
    rows: int, seconds: float, expected: int
) -> None:
    assert rows_of_next_step(rows, seconds) == expected


@pytest.mark.parametrize(
    ("name", "days", "reason"),
    [
        ("keep_rows_days", 21, "must be at least 22: for 21 days a message may come again"),
        ("keep_rows_days", 3651, "less than or equal to 3650"),
        ("keep_texts_days", 0, "greater than or equal to 1"),
        ("keep_texts_days", 31, "must be at most KEEP_ROWS_DAYS, which is 30"),
    ],
)
def test_what_correctness_needs_cannot_be_set_shorter(name: str, days: int, reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RowRetentionSettings.model_validate({name: days})
    (problem,) = problems(refused.value)
    assert problem.startswith(f"{name.upper()}: ")
    assert reason in problem


def test_usage_is_kept_for_two_whole_months_at_least() -> None:
    with pytest.raises(ValueError, match="this month and the last"):
        UsageRetentionSettings(keep_usage_days=61)
    assert UsageRetentionSettings(keep_usage_days=62).keep_usage_days == 62


def test_texts_may_be_kept_longer_where_rows_are() -> None:
    settings = RowRetentionSettings(keep_rows_days=90, keep_texts_days=90)
    assert settings.keep_texts_days == 90
