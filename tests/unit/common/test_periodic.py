"""A call repeated in the background: errors end nothing, a stop waits for a running call."""

import asyncio

from tests.support.waiting import eventually_async

from common.postgres.database import DEADLINE
from common.service import periodic
from common.service.periodic import Periodic


class Calls:
    """Counts calls; the first `failing` of them raise."""

    def __init__(self, failing: int = 0, then: float | None = None) -> None:
        self.count = 0
        self.errors: list[Exception] = []
        self._failing, self._then = failing, then

    async def __call__(self) -> float | None:
        self.count += 1
        if self.count <= self._failing:
            raise ValueError(self.count)
        return self._then


async def test_it_calls_at_once_and_again_and_not_after_the_stop() -> None:
    calls = Calls()
    component = Periodic(calls, 0.01, calls.errors.append)
    await component.start()
    await eventually_async(lambda: calls.count > 2)
    await component.stop()
    count = calls.count
    await asyncio.sleep(0.05)
    assert calls.count == count


async def test_an_error_is_reported_and_the_next_call_comes() -> None:
    calls = Calls(failing=2)
    component = Periodic(calls, 0.01, calls.errors.append)
    await component.start()
    await eventually_async(lambda: calls.count > 3)
    await component.stop()
    assert [error.args for error in calls.errors] == [(1,), (2,)]


async def test_a_call_may_choose_when_the_next_one_comes() -> None:
    calls = Calls(then=0.01)
    component = Periodic(calls, 3600, calls.errors.append)
    await component.start()
    await eventually_async(lambda: calls.count > 2)
    await component.stop()


async def test_the_first_call_can_wait_and_a_stop_ends_the_wait() -> None:
    calls = Calls()
    component = Periodic(calls, 0.01, calls.errors.append, first_after=3600)
    await component.start()
    await asyncio.sleep(0.05)
    await component.stop()
    assert calls.count == 0


async def test_a_stop_lets_a_running_call_end_and_cancels_one_that_hangs() -> None:
    ended: list[str] = []

    async def call() -> None:
        try:
            await asyncio.sleep(durations.pop(0))
            ended.append("whole")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    durations = [0.05, 3600]
    for _ in range(2):
        component = Periodic(call, 1, lambda _: None, stop_seconds=0.5)
        await component.start()
        await asyncio.sleep(0)
        await component.stop()
    assert ended == ["whole", "cancelled"]


def test_a_stop_waits_as_long_as_a_transaction_may_last() -> None:
    assert periodic.STOP_SECONDS >= DEADLINE


async def test_a_stop_before_the_start_does_nothing() -> None:
    await Periodic(Calls(), 1, lambda _: None).stop()
