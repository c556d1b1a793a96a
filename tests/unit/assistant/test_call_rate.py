"""How often a key calls once it has met its limit."""

import pytest

from assistant.openai.call_rate import FURTHEST, LOWEST, STEP, CallRate


def limited(calls: int = 100) -> CallRate:
    """After so many calls at once, one of which was refused."""
    rate = CallRate()
    for _ in range(calls):
        assert rate.admit(True, 0.0) == 0.0
    rate.refused(0.0, 0.0)
    return rate


def limit_of(rate: CallRate) -> float:
    assert rate.limit is not None
    return rate.limit


def test_without_a_refusal_every_call_is_made_at_once() -> None:
    rate = CallRate()
    assert {rate.admit(True, now / 1000) for now in range(5000)} == {0.0}


def test_a_refusal_halves_the_rate_once_a_second_and_an_answer_adds_a_call_a_minute() -> None:
    rate = limited(100)  # 20 a second
    assert limit_of(rate) == pytest.approx(10.0)
    rate.refused(0.0, 0.5)
    assert limit_of(rate) == pytest.approx(10.0)
    rate.answered()
    assert limit_of(rate) == pytest.approx(10.0 + STEP)
    rate.refused(0.0, 1.0)
    assert limit_of(rate) == pytest.approx((10.0 + STEP) / 2)
    for second in range(2, 60):
        rate.refused(0.0, float(second))
    assert limit_of(rate) == LOWEST


def test_turns_that_are_put_off_get_places_one_after_the_other() -> None:
    rate = limited(100)
    waits = [round(rate.admit(True, 0.0), 6) for _ in range(3)]
    assert waits == [0.2, 0.3, 0.4]
    assert rate.admit(False, 0.2) == 0.0


def test_a_new_turn_goes_behind_those_that_wait() -> None:
    rate = limited(100)
    rate.admit(True, 0.0)
    rate.admit(True, 0.0)
    assert rate.admit(True, 0.15) > 0.0
    assert rate.admit(False, 0.15) == 0.0


def test_nobody_calls_before_the_server_wants_to_be_asked() -> None:
    rate = limited(100)
    rate.refused(30.0, 1.0)
    assert rate.admit(False, 30.9) > 0.0
    assert rate.admit(False, 31.1) == 0.0


def test_when_those_that_waited_are_gone_new_turns_wait_for_nobody() -> None:
    rate = limited(100)
    for _ in range(5000):
        rate.admit(True, 0.0)
    assert rate.last_place == FURTHEST
    assert rate.admit(True, 0.5) > 0.0
    assert rate.admit(True, 10.0) == 0.0
