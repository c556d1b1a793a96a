"""The pure half of due work: shares, verdicts, what a failure becomes."""

from collections import Counter

import pytest
from common.work.fairness import CLAIM_AT_MOST, is_held_back, room
from hypothesis import given
from hypothesis import strategies as st

from common.work import Claim, Done, Dropped, Later
from common.work.contract import FAILED_TRIES, after_failure, verdict_of

CLAIM = Claim(id=7, epoch=3, attempts=1, tenant_id=1)


@given(st.integers(1, 2000), st.data())
def test_a_claim_fits_the_free_slots_and_always_lets_someone_in(
    slots: int, data: st.DataObject
) -> None:
    running = data.draw(st.integers(0, slots))
    space = room(slots, running, data.draw(st.integers(0, running)))
    assert space.take == min(slots - running, CLAIM_AT_MOST)
    assert 1 <= space.share <= max(1, slots // 2)
    assert 0 <= space.general <= slots - running
    assert space.fair >= 1


@given(st.integers(2, 500), st.dictionaries(st.integers(1, 50), st.integers(1, 20)))
def test_it_is_held_back_exactly_when_a_limit_binds(slots: int, running: dict[int, int]) -> None:
    held = Counter(running)
    space = room(slots, min(slots, held.total()), len(held))
    limited = space.general == 0 or any(count >= space.share for count in held.values())
    assert is_held_back(slots, held) == limited


@pytest.mark.parametrize(
    ("outcome", "state", "delay", "reason"),
    [
        (Done("x"), 2, 0, "done"),
        (Done("x", "early"), 2, 0, "early"),
        (Later(5, "limit"), 0, 5, "limit"),
        (Dropped("gone"), 3, 0, "gone"),
    ],
)
def test_an_outcome_becomes_a_state(
    outcome: Done[str] | Later[str] | Dropped[str], state: int, delay: float, reason: str
) -> None:
    verdict = verdict_of(CLAIM, outcome)
    assert (verdict.claim, verdict.state) == (CLAIM, state)
    assert (verdict.delay, verdict.reason) == (delay, reason)


def test_a_failure_waits_longer_each_time_and_ends() -> None:
    tries = [CLAIM._replace(attempts=number) for number in range(1, FAILED_TRIES + 1)]
    outcomes = [after_failure(claim, ValueError("CANARY")) for claim in tries]
    assert [one.seconds for one in outcomes if isinstance(one, Later)] == [1, 2, 4, 8]
    assert outcomes[-1] == Dropped("always_fails:ValueError")
    assert "CANARY" not in str(outcomes)
