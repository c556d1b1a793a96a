"""Any interleaving of claims, ends, deaths and superseding keeps a work table's promises."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.postgres import NewDatabase
from tests.support.sample_service import JOBS, SCHEMA, create_tables
from tests.support.sample_work import states

from common.postgres.connection import Connection
from common.postgres.engine import connection_arguments
from common.work import Claim, WorkState
from common.work.claimer import claim_of
from common.work.fairness import choose, claim_budget
from common.work.table import Transition

pytestmark = pytest.mark.integration
SLOTS, LEASE = 8, 600.0
OWNERS = (1, 2)

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["open", "claim", "claim", "finish", "finish", "later", "die", "supersede"]
        ),
        st.integers(0, 5),
        st.integers(0, 5),
    ),
    max_size=60,
)


@dataclass
class World:
    """What the processes believe: claims in hand, and which ends were accepted."""

    connection: Connection
    held: dict[int, list[Claim]] = field(default_factory=lambda: {owner: [] for owner in OWNERS})
    zombies: list[Claim] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def take(self, step: Step) -> None:
        name, first, second = step
        getattr(self, f"do_{name}")(first, second)

    def do_open(self, tenant: int, contact: int) -> None:
        self.connection.exec_driver_sql(
            "insert into job (tenant_id, contact, n) values (%(t)s, %(c)s, 0)",
            {"t": tenant % 2 + 1, "c": f"{tenant % 2}-{contact}"},
        )

    def do_claim(self, owner: int, _: int) -> None:
        number = OWNERS[owner % 2]
        running: dict[int, int] = {}
        for claim in self.held[number]:
            running[claim.tenant_id] = running.get(claim.tenant_id, 0) + 1
        budget = claim_budget(SLOTS, sum(running.values()), len(running))
        ids = choose(JOBS.due(self.connection), running, budget, budget.take)
        claimed = self.connection.execute_together(JOBS.claim(ids, number, LEASE))
        self.held[number] += [claim_of(row) for row in claimed]
        for tenant in (1, 2):
            mine = [claim for claim in self.held[number] if claim.tenant_id == tenant]
            assert len(mine) <= budget.share
        assert len(self.held[number]) <= SLOTS

    def do_finish(self, owner: int, which: int) -> None:
        self.end(self.pick(owner, which), WorkState.DONE)

    def do_later(self, owner: int, which: int) -> None:
        self.end(self.pick(owner, which), WorkState.WAITING)

    def do_die(self, owner: int, _: int) -> None:
        """Its rows are released; the dead process may still be alive enough to answer late."""
        number = OWNERS[owner % 2]
        self.zombies += self.held[number]
        self.held[number] = []
        JOBS.take_over(self.connection, [number], owner=0)

    def do_supersede(self, _: int, which: int) -> None:
        self.connection.exec_driver_sql(
            "update job set state = 0, epoch = epoch + 1, lease_until = null, owner = null"
            " where id = (select id from job where state = 1 order by id offset %(o)s limit 1)",
            {"o": which},
        )

    def pick(self, owner: int, which: int) -> Claim | None:
        """A claim of a living process, or a dead one's."""
        number = OWNERS[owner % 2]
        claims = self.zombies if owner >= 4 else self.held[number]
        return claims.pop(which % len(claims)) if claims else None

    def end(self, claim: Claim | None, state: WorkState) -> None:
        if claim is None:
            return
        stands = states(self.connection)[claim.id] == (1, claim.epoch)
        self.connection.commit()
        accepted = finish(self.connection, [claim], state)
        assert accepted == ({claim.key} if stands else set())
        if accepted and state is WorkState.DONE:
            assert claim.id not in self.ends
            self.ends.append(claim.id)

    def check(self) -> None:
        now = states(self.connection)
        assert sorted(self.ends) == sorted(id for id, (state, _) in now.items() if state == 2)
        crowded = self.connection.exec_driver_sql(
            "select contact from job where state = 1 group by contact having count(*) > 1"
        )
        assert crowded.all() == []


def finish(
    connection: Connection, claims: Sequence[Claim], state: WorkState
) -> set[tuple[int, int]]:
    """In a transaction of its own; the claims that stood."""
    transitions = JOBS.finish([Transition(claim, state, 0, "end") for claim in claims], {})
    statements = [*transitions, JOBS.stood(transitions)]
    return {(row.id, row.epoch) for row in connection.execute_together(statements, commit=True)}


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    connection = Connection(connection_arguments(url, "tests"), SCHEMA)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    made = new_database()
    create_tables(made)
    return made


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_one_end_per_row_one_running_per_conversation_and_no_share_exceeded(
    url: str, steps: list[Step]
) -> None:
    with connected(url) as connection:
        connection.exec_driver_sql("truncate job")
        connection.commit()
        world = World(connection)
        for step in steps:
            world.take(step)
            connection.commit()
            world.check()
            connection.commit()


def test_what_an_owner_does_not_know_it_holds_waits_again(url: str) -> None:
    with connected(url) as connection:
        world = World(connection)
        for contact in range(3):
            world.do_open(0, contact)
        connection.commit()
        world.do_claim(0, 0)
        known = world.held[1][:1]
        connection.execute_together([JOBS.release_unconfirmed(1, known)])
        waiting = {id for id, (state, _) in states(connection).items() if state == 0}
        assert waiting == {claim.id for claim in world.held[1][1:]}
        connection.commit()
        assert finish(connection, world.held[1], WorkState.DONE) == {known[0].key}
