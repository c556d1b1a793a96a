"""The pure half of due work: budgets, transitions, what a failure becomes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.work import Claim, Done, Dropped, Later, WorkState
from common.work.contract import FAILED_TRIES, after_failure, transition_of
from common.work.fairness import CLAIM_AT_MOST, claim_budget, is_held_back

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
    transition = transition_of(CLAIM, outcome)
    assert (transition.claim, transition.state) == (CLAIM, state)
    assert (transition.delay, transition.reason) == (delay, reason)


def test_a_failure_waits_longer_each_time_and_ends() -> None:
    tries = [CLAIM._replace(attempts=number) for number in range(1, FAILED_TRIES + 1)]
    outcomes = [after_failure(claim, ValueError("CANARY")) for claim in tries]
    assert [one.seconds for one in outcomes if isinstance(one, Later)] == [1, 2, 4, 8]
    assert outcomes[-1] == Dropped("always_fails:ValueError")
    assert "CANARY" not in str(outcomes)
