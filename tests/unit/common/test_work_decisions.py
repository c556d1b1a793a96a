"""The pure half of due work: budgets, transitions, what a failure becomes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.work import Claim, Done, Dropped, Later, WorkState
from common.work.contract import FAILED_TRIES, Handled, after_failure, is_poison
from common.work.fairness import (
    CLAIM_AT_MOST,
    SUSPECT_CLAIMS,
    Due,
    choose,
    claim_budget,
    is_held_back,
)
from common.work.owner import FreeLocks

CLAIM = Claim(id=7, epoch=3, attempts=1, tenant_id=1)


@given(st.integers(1, 2000), st.data())
def test_a_claim_fits_the_free_slots_and_always_lets_someone_in(
    slots: int, data: st.DataObject
) -> None:
    running = data.draw(st.integers(0, slots))
    budget = claim_budget(slots, running, data.draw(st.integers(0, running)))
    assert budget.take == min(slots - running, CLAIM_AT_MOST)
    assert 1 <= budget.share <= max(1, slots // 2)
    assert 0 <= budget.general <= slots - running
    assert budget.fair >= 1


@given(st.integers(2, 500), st.dictionaries(st.integers(1, 50), st.integers(1, 20)))
def test_it_is_held_back_exactly_when_a_limit_binds(slots: int, running: dict[int, int]) -> None:
    held = Counter(running)
    budget = claim_budget(slots, min(slots, held.total()), len(held))
    limited = budget.general == 0 or any(count >= budget.share for count in held.values())
    assert is_held_back(slots, held) == limited


@pytest.mark.parametrize(
    ("outcome", "state", "delay", "reason"),
    [
        (Done("x"), WorkState.DONE, 0, "done"),
        (Done("x", "early"), WorkState.DONE, 0, "early"),
        (Later(5, "limit"), WorkState.WAITING, 5, "limit"),
        (Dropped("gone"), WorkState.DROPPED, 0, "gone"),
    ],
)
def test_an_outcome_becomes_a_state(
    outcome: Done[str] | Later[str] | Dropped[str], state: WorkState, delay: float, reason: str
) -> None:
    transition = Handled(CLAIM, None, outcome).transition
    assert (transition.claim, transition.state) == (CLAIM, state)
    assert (transition.delay, transition.reason) == (delay, reason)


def test_a_failure_waits_longer_each_time_and_ends() -> None:
    tries = [CLAIM._replace(attempts=90, failures=number) for number in range(FAILED_TRIES)]
    outcomes = [after_failure(claim, ValueError("CANARY")) for claim in tries]
    assert [one.seconds for one in outcomes if isinstance(one, Later)] == [1, 2, 4, 8]
    assert outcomes[-1] == Dropped("always_fails:ValueError")
    assert "CANARY" not in str(outcomes)


DUE = st.lists(
    st.builds(
        lambda id, unfinished: Due(id, id % 5 + 1, unfinished),
        st.integers(1, 60),
        st.integers(0, 8),
    )
)


@given(DUE, st.integers(1, 40), st.data())
def test_what_is_chosen_keeps_every_limit(due: list[Due], slots: int, data: st.DataObject) -> None:
    running = data.draw(st.dictionaries(st.integers(1, 5), st.integers(1, slots), max_size=4))
    budget = claim_budget(slots, min(slots, sum(running.values())), len(running))
    tenants = {row.id: row.tenant_id for row in reversed(due)}
    chosen = choose(due, running, budget, budget.take)
    assert len(chosen) == len(set(chosen)) <= budget.take
    held = Counter(running) + Counter(tenants[id] for id in chosen)
    for tenant in {tenants[id] for id in chosen}:
        assert held[tenant] <= budget.share


def test_what_stands_first_within_its_tenant_goes_first_and_older_before_newer() -> None:
    due = [Due(id, tenant, 0) for id, tenant in enumerate([1, 1, 1, 2, 3, 2], start=10)]
    budget = claim_budget(20, 0, 0)
    assert choose(due, {}, budget, 4) == [10, 13, 14, 11]
    assert choose(due, {1: 5}, budget, 3) == [13, 14, 15]


def test_of_rows_that_may_end_their_process_one_is_tried_at_a_time() -> None:
    suspects = [Due(id, 1, SUSPECT_CLAIMS) for id in (1, 2, 3)]
    fresh = [Due(4, 1, SUSPECT_CLAIMS - 1), Due(5, 2, 0)]
    assert sorted(choose([*suspects, *fresh], {}, claim_budget(20, 0, 0), 20)) == [1, 4, 5]


def test_a_claim_without_a_result_for_the_twenty_first_time_is_poison() -> None:
    assert [is_poison(CLAIM._replace(unfinished=number)) for number in (1, 20, 21)] == [
        False,
        False,
        True,
    ]


def test_a_lock_counts_as_free_after_it_was_so_look_after_look() -> None:
    locks = FreeLocks()
    assert locks.since([7, 8], now=10, seconds=3) == []
    assert locks.since([7], now=12.9, seconds=3) == []
    assert locks.since([7, 8], now=13, seconds=3) == [7]
    assert locks.since([8], now=16, seconds=3) == [8]
    locks.forget()
    assert locks.since([8], now=20, seconds=3) == []
