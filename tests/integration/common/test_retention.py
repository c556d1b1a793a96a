"""Retention on a real database: small steps, never two at once, nothing that another one holds."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.components import running_components
from tests.support.postgres import NewDatabase
from tests.support.retention import removed_by_step, run_retention
from tests.support.sample_work import query, session

from common.postgres.connection import Connection
from common.postgres.database import Database
from common.postgres.retention import MOST_ROWS, TRY_LOCK, delete_older, empty_older, remove
from common.service.lifecycle import Component, Lifecycle

pytestmark = pytest.mark.integration
SCHEMA = "kept"
OLD_ROWS, NEW_ROWS = 2500, 10
TABLE = f"""
create schema {SCHEMA}; set local search_path = {SCHEMA};
create table entry (id int primary key, body text not null, at timestamptz);
create index on entry (at);
insert into entry select n, 'text', now() - interval '31 days'
from generate_series(1, {OLD_ROWS}) n;
insert into entry select n, 'text', now() - interval '29 days'
from generate_series({OLD_ROWS} + 1, {OLD_ROWS + NEW_ROWS}) n;
insert into entry values (0, 'of what has not ended', null);
"""
DELETE = delete_older("entry", "at", 30)
EMPTY = empty_older("entry_body", "entry", "at", 30, "body = ''", "body <> ''")
COUNT = f"select count(*), count(*) filter (where body = '') from {SCHEMA}.entry"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    with session(made) as connection:
        connection.exec_driver_sql(TABLE)
    return made


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    made: list[Database] = []

    def build(life: Lifecycle) -> list[Component]:
        made.append(Database(url, SCHEMA, life))
        return [*made]

    async with running_components(build):
        yield made[0]


async def test_each_step_removes_a_thousand_rows_at_most_and_the_last_what_is_left(
    database: Database, url: str
) -> None:
    steps = [
        await database.transaction(lambda connection: removed_by_step(connection, DELETE))
        for _ in range(4)
    ]
    assert steps == [MOST_ROWS, MOST_ROWS, OLD_ROWS - 2 * MOST_ROWS, 0]
    assert query(url, COUNT) == [(NEW_ROWS + 1, 0)]


async def test_texts_of_what_is_old_are_emptied_and_the_rows_stay(
    database: Database, url: str
) -> None:
    await run_retention(database, [EMPTY])
    assert query(url, COUNT) == [(OLD_ROWS + NEW_ROWS + 1, OLD_ROWS)]


async def test_while_one_replica_removes_rows_another_does_not(
    database: Database, url: str
) -> None:
    def while_locked(first: Connection) -> int | None:
        assert first.exec_driver_sql(TRY_LOCK).scalar() is True
        second = database.connect()
        try:
            return remove(second, DELETE, MOST_ROWS)
        finally:
            second.close()

    assert await database.transaction(while_locked) is None
    assert query(url, COUNT) == [(OLD_ROWS + NEW_ROWS + 1, 0)]


async def test_two_runs_at_the_same_time_remove_each_row_once_and_wait_for_nothing(
    database: Database, url: str
) -> None:
    await asyncio.gather(*(run_retention(database, [EMPTY, DELETE]) for _ in range(2)))
    await run_retention(database, [DELETE])  # one may have ended for the other, which then ended
    assert query(url, COUNT) == [(NEW_ROWS + 1, 0)]


async def test_a_row_that_another_transaction_holds_is_left_to_the_next_run(
    database: Database, url: str
) -> None:
    def while_held(holder: Connection) -> int:
        holder.exec_driver_sql("select from entry where id = 1 for update")
        second = database.connect()
        try:
            removed = sum(removed_by_step(second, DELETE) for _ in range(3))
            second.commit()
            return removed
        finally:
            second.close()

    assert await database.transaction(while_held) == OLD_ROWS - 1
    await run_retention(database, [DELETE])
    assert query(url, COUNT) == [(NEW_ROWS + 1, 0)]
