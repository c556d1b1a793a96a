"""Due work on a real database: fair, serial per conversation, finished once."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest
from tests.support.components import running_components
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.processes import drain
from tests.support.sample_processes import sample_processes
from tests.support.sample_service import SCHEMA, Job, create_tables
from tests.support.sample_work import (
    CustomJobHandler,
    Gate,
    add_jobs,
    build_runner,
    done,
    finished,
    query,
    runner_components,
    session,
)
from tests.support.waiting import eventually, eventually_async

from common.postgres.connection import Connection, Statement
from common.postgres.database import Body, Database
from common.service.lifecycle import Component, Lifecycle
from common.work import Claim, Done, Handled, Hint, Later, Outcome, Stored, WorkLimits

pytestmark = pytest.mark.integration
T = TypeVar("T")
KILL_LOCK_HOLDERS = """
select pg_terminate_backend(l.pid) from pg_locks l
where l.locktype = 'advisory' and l.granted and l.database =
  (select oid from pg_database where datname = current_database())
"""

WAITING_FOR_LOCK = """
select count(*) from pg_locks where locktype = 'advisory' and not granted
"""


def lock_of(owner: int) -> tuple[str, dict[str, int]]:
    """As the owner takes it, but waiting."""
    lock = "select pg_advisory_lock(hashtext(current_schema() || '.job'), %(owner)s)"
    return lock, {"owner": owner}


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    create_tables(made)
    return made


def flood(tenant: int, count: int) -> list[tuple[int, str, int]]:
    """Jobs of as many conversations of one tenant."""
    return [(tenant, f"t{tenant}-{number}", 0) for number in range(count)]


# ---- fairness -------------------------------------------------------------------------------


async def test_a_flood_holds_half_of_the_slots_and_a_neighbour_starts_at_once(url: str) -> None:
    gate = Gate()
    add_jobs(url, *flood(1, 1000))
    async with running_components(runner_components(url, CustomJobHandler(gate), slots=10)):
        await eventually_async(lambda: len(gate.started) >= 5)
        add_jobs(url, (2, "b", 0))
        await eventually_async(lambda: 2 in gate.tenants)
        assert Counter(gate.tenants) == {1: 5, 2: 1}
        gate.open()


async def test_a_free_slot_goes_to_the_tenant_that_holds_least(url: str) -> None:
    gate = Gate()
    add_jobs(url, *(job for tenant in range(1, 6) for job in flood(tenant, 100)))
    async with running_components(runner_components(url, CustomJobHandler(gate), slots=10)):
        await eventually_async(lambda: len(gate.started) == 10)
        add_jobs(url, (99, "b", 0))
        gate.release(0)
        await eventually_async(lambda: len(gate.started) == 11)
        assert gate.tenants[10] == 99
        gate.open()


async def test_a_tenant_alone_is_served_without_waiting_for_the_next_sweep(url: str) -> None:
    add_jobs(url, *flood(1, 300))
    async with running_components(runner_components(url, CustomJobHandler(done), slots=10)):
        await eventually_async(
            lambda: finished(url) == 300, seconds=15
        )  # 5 slots each half second would take 30 s


# ---- order and ends -------------------------------------------------------------------------


async def test_jobs_of_one_conversation_run_one_after_the_other(url: str) -> None:
    running: Counter[str] = Counter()
    seen: dict[str, list[int]] = {}
    together: list[int] = []

    async def watch(claim: Claim, item: Job) -> Outcome[Job]:
        running[item.contact] += 1
        together.append(running[item.contact])
        seen.setdefault(item.contact, []).append(item.n)
        await asyncio.sleep(0)
        running[item.contact] -= 1
        return Done(item)

    add_jobs(url, *((1, f"c{number % 6}", number // 6) for number in range(90)))
    async with running_components(runner_components(url, CustomJobHandler(watch), slots=20)):
        await eventually_async(lambda: finished(url) == 90)
    assert max(together) == 1
    assert seen == {f"c{number}": list(range(15)) for number in range(6)}


async def test_later_is_due_again_and_done_once(url: str) -> None:
    tries: list[int] = []

    async def twice(claim: Claim, item: Job) -> Outcome[Job]:
        tries.append(claim.attempts)
        return Later(0.1, "not_yet") if len(tries) == 1 else Done(item)

    add_jobs(url, (1, "a", 0))
    async with running_components(runner_components(url, CustomJobHandler(twice))):
        await eventually_async(lambda: finished(url))
    assert tries == [1, 2]
    assert query(url, "select n from effect") == [(0,)]


async def test_a_bug_is_tried_again_and_given_up_at_the_fifth_failure(url: str) -> None:
    async def broken(claim: Claim, item: Job) -> Outcome[Job]:
        raise ValueError("never")

    add_jobs(url, (1, "fresh", 0))
    add_jobs(url, (1, "old", 0), failures=4)
    async with running_components(runner_components(url, CustomJobHandler(broken))):
        await eventually_async(lambda: finished(url))
    rows = query(url, "select contact, state, reason from job order by id")
    assert rows == [("fresh", 0, "failed:ValueError"), ("old", 3, "always_fails:ValueError")]
    assert query(url, "select n from effect") == []


async def test_what_is_cancelled_inside_a_handler_is_a_failed_try(url: str) -> None:
    async def given_up(claim: Claim, item: Job) -> Outcome[Job]:
        raise asyncio.CancelledError

    add_jobs(url, (1, "old", 0), failures=4)
    async with running_components(runner_components(url, CustomJobHandler(given_up))):
        await eventually_async(lambda: finished(url))
    assert query(url, "select state, reason from job") == [(3, "always_fails:CancelledInside")]


async def test_a_handler_past_its_deadline_is_a_failed_try(url: str) -> None:
    add_jobs(url, (1, "slow", 0), failures=4)
    async with running_components(runner_components(url, CustomJobHandler(Gate()), deadline=0.2)):
        await eventually_async(lambda: finished(url))
    assert query(url, "select state, reason from job") == [(3, "always_fails:TimeoutError")]


async def test_what_one_item_cannot_store_does_not_stop_its_batch(url: str) -> None:
    class Picky(CustomJobHandler):
        def store(
            self,
            connection: Connection,
            finish: Sequence[Statement],
            handled: Sequence[Handled[Job, Job]],
        ) -> Stored:
            if any(one.item.n == 13 and isinstance(one.outcome, Done) for one in handled):
                raise ValueError("never")
            return super().store(connection, finish, handled)

    add_jobs(url, *((1, f"c{number}", number) for number in range(20)), failures=4)
    async with running_components(runner_components(url, Picky(done), slots=50)):
        await eventually_async(lambda: finished(url) == 20)
    assert query(url, "select n, reason from job where state = 3") == [
        (13, "always_fails:ValueError")
    ]
    assert len(query(url, "select distinct n from effect")) == 19


async def test_a_hint_is_followed_when_it_is_due_and_not_before(url: str) -> None:
    gate = Gate()

    def build(life: Lifecycle) -> Sequence[Component]:
        parts = runner_components(url, CustomJobHandler(gate))(life)
        hinting.append(parts[-1])
        return parts

    hinting: list[Any] = []
    async with running_components(build):
        (id,) = add_jobs(url, (1, "a", 0), due=0.2)
        hinting[0].hint([Hint(id, 1, 0.2)])
        await eventually_async(lambda: gate.started)
        assert query(url, "select due_at <= clock_timestamp() from job") == [(True,)]
        gate.open()


async def test_stopping_lets_what_runs_finish_and_starts_nothing(url: str) -> None:
    gate = Gate()
    add_jobs(url, *flood(1, 40))
    async with running_components(runner_components(url, CustomJobHandler(gate), slots=10)):
        await eventually_async(lambda: len(gate.started) == 5)
        asyncio.get_running_loop().call_later(0.3, gate.open)
    assert finished(url) == 5
    assert query(url, "select count(*) from effect") == [(5,)]
    assert query(url, "select count(*) from job where state = 1") == [(0,)]


# ---- leases, epochs, owners -----------------------------------------------------------------


async def test_a_late_result_of_a_lost_lease_is_refused_even_beside_the_new_one(url: str) -> None:
    gate = Gate()
    add_jobs(url, (1, "a", 0))
    async with running_components(runner_components(url, CustomJobHandler(gate))):
        await eventually_async(lambda: len(gate.started) == 1)
        # Of another owner: one's own claims are never taken over by oneself.
        query(url, "update job set lease_until = now() - interval '1 second', owner = 0")
        await eventually_async(lambda: len(gate.started) == 2)
        gate.open()  # both end in one pass of the loop, so they reach one finish
        await eventually_async(lambda: finished(url))
    assert query(url, "select n from effect") == [(0,)]
    assert query(url, "select state, attempts from job") == [(2, 2)]


async def test_a_claim_that_a_crash_of_the_database_forgot_is_finished_once(url: str) -> None:
    """Claims do not wait for the disk, so after a crash the same epoch may be claimed again."""
    gate = Gate()
    add_jobs(url, (1, "a", 0))
    async with running_components(runner_components(url, CustomJobHandler(gate))):
        await eventually_async(lambda: len(gate.started) == 1)
        query(url, "update job set state = 0, epoch = 0, attempts = 0, owner = null")
        await eventually_async(lambda: len(gate.started) == 2)
        gate.open()
        await eventually_async(lambda: finished(url))
    assert query(url, "select n from effect") == [(0,)]


async def test_a_superseded_claim_changes_nothing(url: str) -> None:
    gate = Gate()
    add_jobs(url, (1, "a", 0))
    async with running_components(runner_components(url, CustomJobHandler(gate))):
        await eventually_async(lambda: len(gate.started) == 1)
        query(url, "update job set state = 3, epoch = epoch + 1, finished_at = now()")
        gate.open()
    assert query(url, "select state, reason from job") == [(3, None)]
    assert query(url, "select n from effect") == []


async def test_two_runners_share_the_work_without_doubles(url: str) -> None:
    add_jobs(url, *(job for tenant in range(1, 9) for job in flood(tenant, 100)))
    both = [
        runner_components(url, CustomJobHandler(done), slots=20),
        runner_components(url, CustomJobHandler(done), slots=20),
    ]
    async with running_components(both[0]), running_components(both[1]):
        await eventually_async(lambda: finished(url) == 800, seconds=20)
    assert query(url, "select count(*), count(distinct job) from effect") == [(800, 800)]


async def test_a_claim_whose_commit_was_not_heard_is_taken_up_at_once(url: str) -> None:
    class Deaf(Database):
        """Loses the connection after its first claim was committed."""

        deaf = True

        def run_transaction(self, body: Body[T], deadline: float = 5) -> T:
            found = super().run_transaction(body, deadline)
            if isinstance(found, tuple) and found[0] == 3 and self.deaf:
                self.deaf = False
                raise psycopg2.OperationalError("the answer to the commit was lost")
            return found

    def build(life: Lifecycle) -> Sequence[Component]:
        database = Deaf(url, SCHEMA, life)
        return [
            database,
            *build_runner(database, CustomJobHandler(done), life, WorkLimits(slots=10)),
        ]

    add_jobs(url, *flood(1, 3))
    async with running_components(build):
        await eventually_async(lambda: finished(url) == 3)
    assert query(url, "select count(*), count(distinct job) from effect") == [(3, 3)]


async def test_an_owner_that_lost_its_session_takes_its_number_again(url: str) -> None:
    gate = Gate()
    add_jobs(url, (1, "a", 0))
    async with running_components(runner_components(url, CustomJobHandler(gate))):
        await eventually_async(lambda: len(gate.started) == 1)
        (before,) = running_owners(url)
        query(url, KILL_LOCK_HOLDERS)
        gate.open()  # what was claimed still counts
        await eventually_async(lambda: finished(url) == 1)
        add_jobs(url, (1, "b", 0))
        await eventually_async(lambda: len(gate.started) == 2)
        assert running_owners(url) == {before}
        gate.open()


async def test_a_session_that_the_server_takes_for_alive_does_not_stop_the_work(url: str) -> None:
    """Its client is gone, its lock is not: a new number takes over what the old one runs."""
    gate = Gate()
    add_jobs(url, (1, "a", 0))
    with session(url) as ghost:
        build = runner_components(url, CustomJobHandler(gate), deadline=60)
        async with running_components(build) as life:
            await eventually_async(lambda: len(gate.started) == 1)
            (before,) = running_owners(url)
            inherit = partial(ghost.exec_driver_sql, *lock_of(before))
            waiting = asyncio.create_task(asyncio.to_thread(inherit))
            await eventually_async(lambda: query(url, WAITING_FOR_LOCK) == [(1,)])
            query(url, KILL_LOCK_HOLDERS)
            await waiting
            await eventually_async(lambda: "owner" in life.health.not_ready())
            add_jobs(url, (1, "b", 0))
            await eventually_async(lambda: len(gate.started) == 2)
            assert "owner" not in life.health.not_ready()
            (after,) = running_owners(url)
            assert after != before
            gate.open()
            await eventually_async(lambda: finished(url) == 2)
    assert query(url, "select count(*), count(distinct job) from effect") == [(2, 2)]


def test_a_killed_process_is_replaced_long_before_its_lease_ends(
    kafka: Broker, url: str, tmp_path: Path
) -> None:
    with sample_processes(kafka.settings, url, tmp_path, HANDLE_SECONDS="9", SLOTS="20") as group:
        first = group.start()
        add_jobs(url, *flood(1, 10))
        eventually(lambda: running_owners(url), "the first claims")
        second = group.start()
        eventually(lambda: "service_ready" in group.log(1), "the second member")
        (dead,) = running_owners(url)
        first.kill()
        eventually(
            lambda: running_owners(url) - {dead}, "the second to take over", 20
        )  # long before the lease ends
        eventually(lambda: finished(url) == 10, "the end")
        assert drain(second) == 0
    assert query(url, "select count(*), count(distinct job) from effect") == [(10, 10)]
    assert query(url, f"select count(*) from effect where pid = {second.pid}") == [(10,)]


def running_owners(url: str) -> set[int]:
    return {row[0] for row in query(url, "select distinct owner from job where state = 1")}
