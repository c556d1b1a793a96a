"""When calls of the model stop, for how long, and what lets them go on."""

import pytest
from tests.support.builders import NOON
from tests.support.clock import FixedClock

from assistant.openai.model_circuit import (
    FAILURES_IN_A_ROW,
    KEPT,
    RECENT_CALLS,
    ModelCircuits,
)
from assistant.openai.response import ModelFailure

NO_MONEY = ModelFailure("billing:insufficient_quota", "account")
BAD_KEY = ModelFailure("http_401:invalid_api_key", "account")
BUSY = ModelFailure("http_503:server_is_overloaded", "transient")
SLOW = ModelFailure("deadline", "deadline")
LIMITED = ModelFailure("http_429", "rate_limit")
REFUSED = ModelFailure("http_400")
ANSWERED = None
KEY = ("key", "gpt-6-luna")


class Driver:
    def __init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.circuits = ModelCircuits(self.clock.monotonic)

    def record(self, *results: ModelFailure | None) -> float | None:
        """What the last of them opened the circuit for."""
        return [self.circuits.record(KEY, result) for result in results][-1]

    def after(self, seconds: float) -> str | None:
        """The cause of an admission's refusal so much later."""
        self.clock.ticks += seconds
        return cause_of(self.circuits.admit(KEY))


def cause_of(refusal: ModelFailure | None) -> str | None:
    return refusal.reason.removeprefix("breaker_open:") if refusal else None


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.mark.parametrize(
    ("results", "cause", "seconds"),
    [
        ([NO_MONEY], "billing", 600),
        ([BAD_KEY], "http_401", 600),
        ([BUSY] * FAILURES_IN_A_ROW, "http_503", 30),
        ([BUSY] * 9 + [SLOW], "deadline", 30),
        ([BUSY, LIMITED] * FAILURES_IN_A_ROW, "http_503", 30),
        ([BUSY, ANSWERED] * (RECENT_CALLS // 2) + [BUSY], "http_503", 30),
    ],
)
def test_failures_open_the_circuit_for_their_time(
    driver: Driver, results: list[ModelFailure | None], cause: str, seconds: float
) -> None:
    driver.record(*results)
    assert driver.after(0) == cause
    assert driver.after(seconds - 1) == cause
    assert driver.after(1) is None, "one call is a probe"
    assert driver.after(0) == cause, "the others wait for its result"


@pytest.mark.parametrize(
    "results",
    [
        [ANSWERED] * 100,
        [BUSY] * (FAILURES_IN_A_ROW - 1),
        [*[BUSY] * 9, ANSWERED, *[BUSY] * 9],
        [*[BUSY] * 9, REFUSED, *[BUSY] * 9],
        [LIMITED] * 100,
        [REFUSED] * 100,
        [BUSY, ANSWERED, ANSWERED] * 100,
    ],
)
def test_a_server_that_mostly_answers_is_called(
    driver: Driver, results: list[ModelFailure | None]
) -> None:
    driver.record(*results)
    assert driver.after(0) is None


def test_failures_are_counted_within_half_a_minute(driver: Driver) -> None:
    for _ in range(RECENT_CALLS):
        driver.record(BUSY, ANSWERED)
        assert driver.after(2) is None


@pytest.mark.parametrize(
    ("result", "cause", "seconds"),
    [
        (ANSWERED, None, None),
        (LIMITED, None, None),
        (REFUSED, None, None),
        (BUSY, "http_503", 30),
        (NO_MONEY, "billing", 600),
    ],
)
def test_the_probes_result_decides(
    driver: Driver, result: ModelFailure | None, cause: str | None, seconds: float | None
) -> None:
    driver.record(BAD_KEY)
    assert driver.after(600) is None
    assert driver.record(result) == seconds
    assert driver.after(0) == cause


def test_after_a_probe_that_answered_failures_are_counted_from_nought(driver: Driver) -> None:
    driver.record(*[BUSY] * FAILURES_IN_A_ROW)
    driver.after(30)
    driver.record(ANSWERED, *[BUSY] * 9)
    assert driver.after(0) is None


def test_a_probe_whose_result_never_comes_is_followed_by_another(driver: Driver) -> None:
    driver.record(BAD_KEY)
    assert driver.after(600) is None
    assert driver.after(599) == "http_401"
    assert driver.after(1) is None


def test_turns_wait_for_a_server_and_not_for_an_account(driver: Driver) -> None:
    driver.record(*[BUSY] * FAILURES_IN_A_ROW)
    driver.clock.ticks += 10
    stopped = "breaker_open:http_503"
    assert driver.circuits.admit(KEY) == ModelFailure(stopped, "stopped", 20)
    assert driver.after(20) is None, "one call is a probe"
    assert driver.circuits.admit(KEY) == ModelFailure(stopped, "stopped", 5)
    driver.record(BAD_KEY)
    assert driver.circuits.admit(KEY) == ModelFailure("breaker_open:http_401")


def test_results_of_calls_from_before_change_nothing_but_for_an_account(driver: Driver) -> None:
    driver.record(*[BUSY] * FAILURES_IN_A_ROW)
    assert driver.record(ANSWERED, BUSY) is None
    assert driver.after(0) == "http_503"
    assert driver.record(BAD_KEY) == 600
    assert driver.record(BAD_KEY) is None, "told once"
    assert driver.after(599) == "http_401"


def test_another_key_or_model_is_called(driver: Driver) -> None:
    driver.record(BAD_KEY)
    assert driver.circuits.admit(("key", "gpt-6-sol")) is None
    assert driver.circuits.admit(("other", "gpt-6-luna")) is None


def test_what_is_remembered_is_bounded(driver: Driver) -> None:
    driver.record(BAD_KEY)
    for number in range(KEPT):
        driver.circuits.record(number, BAD_KEY)
    assert driver.after(0) is None
    assert cause_of(driver.circuits.admit(KEPT - 1)) == "http_401"
