"""Who has a row, and that nobody does it twice: claims at the insert, restarts, outages, poison."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg2
import pytest
from tests.support.builders import a_message
from tests.support.components import running_components
from tests.support.postgres import NewDatabase
from tests.support.sample_service import JOBS, SCHEMA, Job, JobHandler, create_tables, receive
from tests.support.sample_work import (
    CustomJobHandler,
    Gate,
    add_jobs,
    build_runner,
    done,
    finished,
    query,
    runner_components,
)
from tests.support.waiting import eventually_async

from common.events import MessageReceived
from common.postgres.connection import Connection, Statement
from common.postgres.database import Body, Database
from common.postgres.errors import DeadlineExceeded
from common.service.lifecycle import Component, Lifecycle
from common.work import Claim, Done, Handled, Outcome, Runner, Stored, WorkLimits, WorkState

pytestmark = pytest.mark.integration
T = TypeVar("T")
END_SESSIONS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
BLOCKED = f"select n from job where state = {WorkState.BLOCKED:d} order by id"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    create_tables(made)
    return made


class Deaf(Database):
    """Loses the answer to a commit when told to."""

    deaf = False

    def run_transaction(self, body: Body[T], deadline: float = 5) -> T:
        result = super().run_transaction(body, deadline)
        if self.deaf:
            self.deaf = False
            raise psycopg2.OperationalError("the answer to the commit was lost")
        return result


class Work:
    """A runner in this test whose rows are stored by its own `store`, as a consumer would."""

    database: Deaf
    runner: Runner[Job, Job]

    def __init__(self, url: str, handler: JobHandler, slots: int = 10) -> None:
        self._url, self._handler, self._slots = url, handler, slots

    def __call__(self, life: Lifecycle) -> Sequence[Component]:
        self.database = Deaf(self._url, SCHEMA, life)
        limits = WorkLimits(slots=self._slots, deadline=60)
        components = build_runner(self.database, self._handler, life, limits)
        self.runner = components[-1]
        return [self.database, *components]

    async def store(self, *messages: MessageReceived) -> None:
        await asyncio.to_thread(self.runner.store_and_claim(receive), messages)


def message(contact: str, number: int) -> MessageReceived:
    return a_message(str(number), contact_id=contact, wamid=f"{contact}.{number}")


def effects(url: str) -> tuple[int, int]:
    """All, and of how many jobs."""
    [(count, jobs)] = query(url, "select count(*), count(distinct job) from effect")
    return count, jobs


# ---- claimed while they are stored ----------------------------------------------------------


async def test_a_stored_row_is_claimed_at_once_and_what_stands_behind_it_is_blocked(
    url: str,
) -> None:
    gate = Gate()
    work = Work(url, CustomJobHandler(gate))
    async with running_components(work):
        await work.store(message("a", 1), message("a", 2), message("b", 3))
        await eventually_async(lambda: len(gate.started) == 2)
        assert query(url, BLOCKED) == [(2,)]
        await work.store(message("a", 4))
        assert query(url, BLOCKED) == [(2,), (4,)]
        gate.release(0)
        await eventually_async(lambda: len(gate.started) == 3)
        gate.release(2)
        await eventually_async(lambda: len(gate.started) == 4)
        gate.open()
        await eventually_async(lambda: finished(url) == 4)
    assert [item.n for _, item in gate.started if item.contact == "a"] == [1, 2, 4]
    assert effects(url) == (4, 4)


async def test_with_half_of_the_slots_taken_rows_wait_for_a_fair_claim(url: str) -> None:
    gate = Gate()
    work = Work(url, CustomJobHandler(gate), slots=4)
    async with running_components(work):
        await work.store(message("a", 1), message("b", 2))
        await work.store(message("c", 3))
        states = query(url, "select contact, state from job order by id")
        assert states[:2] == [("a", 1), ("b", 1)]
        assert ("c", WorkState.WAITING) in states
        gate.release(0)
        await eventually_async(lambda: len(gate.started) == 3)
        gate.open()


async def test_a_claim_at_the_insert_whose_commit_was_not_heard_is_done_once(url: str) -> None:
    work = Work(url, CustomJobHandler(done))
    async with running_components(work):
        work.database.deaf = True
        with suppress(psycopg2.OperationalError):
            await work.store(message("a", 1))
        await work.store(message("a", 1), message("b", 2))  # the consumer's next try
        await eventually_async(lambda: finished(url) == 2)
    assert effects(url) == (2, 2)


async def test_rows_whose_earlier_one_an_operator_deleted_are_found(url: str) -> None:
    gate = Gate()
    work = Work(url, CustomJobHandler(gate))
    async with running_components(work):
        await work.store(message("a", 1), message("a", 2))
        await eventually_async(lambda: len(gate.started) == 1)
        query(url, "delete from job where n = 1")
        # The owner asks once a minute.
        assert await work.database.transaction(JOBS.unblock_left) == 1
        await eventually_async(lambda: len(gate.started) == 2)
        gate.open()
        await eventually_async(lambda: finished(url) == 1)


# ---- restarts and outages -------------------------------------------------------------------


async def test_a_restart_of_the_database_repeats_nothing_of_another_process(url: str) -> None:
    """All sessions end, so all locks are free: whoever is back first must not take the other's."""
    gates = [Gate(), Gate()]
    works = [Work(url, CustomJobHandler(gate), slots=40) for gate in gates]
    async with running_components(works[0]), running_components(works[1]):
        for number, work in enumerate(works):
            await work.store(*(message(f"{number}-{contact}", 1) for contact in range(15)))
        await eventually_async(lambda: all(len(gate.started) == 15 for gate in gates))
        for _ in range(3):
            query(url, END_SESSIONS)
            await asyncio.sleep(1.5)  # several looks of both owners
        for gate in gates:
            gate.open()
        await eventually_async(lambda: finished(url) == 30)
    assert [len(gate.started) for gate in gates] == [15, 15]
    assert effects(url) == (30, 30)


async def test_what_a_process_has_in_hand_is_its_own_beyond_the_lease(url: str) -> None:
    """As after an outage that was longer than the lease: the result is there, so it counts."""
    gate = Gate()
    work = Work(url, CustomJobHandler(gate))
    async with running_components(work):
        await work.store(message("a", 1))
        await eventually_async(lambda: len(gate.started) == 1)
        query(url, "update job set lease_until = now() - interval '1 minute'")
        await asyncio.sleep(2.5)  # two looks of the owner
        gate.open()
        await eventually_async(lambda: finished(url) == 1)
    assert len(gate.started) == 1
    assert query(url, "select attempts, state from job") == [(1, WorkState.DONE)]


async def test_an_own_row_that_nobody_has_is_claimed_again_after_its_lease(
    url: str,
) -> None:
    """As after a result of which not even the failure could be stored; nobody else is there."""
    work = Work(url, CustomJobHandler(done))
    async with running_components(work):
        (id,) = add_jobs(url, (1, "a", 0))
        await eventually_async(lambda: finished(url) == 1)
        lost = f"""update job set state = {WorkState.RUNNING:d}, finished_at = null,
          owner = (select max(last_value)::int from work_owner),
          lease_until = now() - interval '1 second' where id = {id}"""
        query(url, lost)
        await eventually_async(lambda: finished(url) == 1)
    assert query(url, "select attempts, state from job") == [(2, WorkState.DONE)]


async def test_a_finish_whose_commit_was_not_heard_leaves_its_event_all_the_same(
    url: str,
) -> None:
    gate = Gate()
    work = Work(url, CustomJobHandler(gate))
    async with running_components(work):
        await work.store(message("a", 1))
        await eventually_async(lambda: len(gate.started) == 1)
        work.database.deaf = True
        gate.open()
        await eventually_async(lambda: finished(url) == 1)
        await eventually_async(lambda: query(url, "select count(*) from outbox") == [(0,)])
    assert effects(url) == (1, 1)


async def test_a_finish_that_takes_too_long_is_halved(url: str) -> None:
    class Slow(CustomJobHandler):
        def store(
            self,
            connection: Connection,
            finish: Sequence[Statement],
            handled: Sequence[Handled[Job, Job]],
        ) -> Stored:
            if len(handled) > 3:
                raise DeadlineExceeded("more than 5 s")
            return super().store(connection, finish, handled)

    add_jobs(url, *((1, f"c{number}", number) for number in range(20)))
    async with running_components(runner_components(url, Slow(done), slots=50)):
        await eventually_async(lambda: finished(url) == 20)
    assert query(url, "select distinct attempts, failures from job") == [(1, 0)]
    assert effects(url) == (20, 20)


# ---- rows that disturb others ---------------------------------------------------------------


async def test_a_row_whose_process_always_ends_is_dropped_and_says_so(url: str) -> None:
    """Twenty claims in a row had no result; the row is claimed apart from others before."""
    started: list[int] = []

    async def note(claim: Claim, item: Job) -> Outcome[Job]:
        started.append(item.n)
        return Done(item)

    add_jobs(url, (1, "poison", 13), (1, "fine", 1))
    query(url, "update job set unfinished = 20 where n = 13")
    async with running_components(runner_components(url, CustomJobHandler(note))):
        await eventually_async(lambda: finished(url) == 2)
    assert started == [1]
    assert query(url, "select reason from job where n = 13") == [("poison",)]


async def test_a_row_that_cannot_be_read_disturbs_no_other(url: str) -> None:
    class Picky(CustomJobHandler):
        def item_of(self, row: Any, claimed_at: float) -> Job:
            if row.n == 13:
                raise ValueError("unreadable")
            return super().item_of(row, claimed_at)

    add_jobs(url, *((1, f"c{number}", number) for number in range(20)), failures=4)
    async with running_components(runner_components(url, Picky(done), slots=50)):
        await eventually_async(lambda: finished(url) == 20)
    assert query(url, "select reason from job where n = 13") == [("always_fails:ValueError",)]
    assert effects(url) == (19, 19)


async def test_hints_do_not_keep_the_work_from_rows_without_one(url: str) -> None:
    """Under overload there is always a hint; the row of a dead process has none."""
    stop = asyncio.Event()

    async def slow(claim: Claim, item: Job) -> Outcome[Job]:
        await asyncio.sleep(0.05)
        return Done(item)

    async def flood(work: Work) -> None:
        number = 0
        while not stop.is_set():
            await work.store(*(message(f"c{number + more}", 1) for more in range(20)))
            number += 20

    work = Work(url, CustomJobHandler(slow), slots=4)
    async with running_components(work):
        flooding = asyncio.create_task(flood(work))
        await eventually_async(lambda: finished(url) > 20)
        (id,) = add_jobs(url, (2, "unhinted", 99))
        is_done: Callable[[], Any] = lambda: query(  # noqa: E731
            url, f"select 1 from job where id = {id} and finished_at is not null"
        )
        await eventually_async(is_done)
        stop.set()
        await flooding
