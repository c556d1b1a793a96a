"""A router is stalled when records wait, nothing moves and nothing else explains it."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from router.stall_watch import STALL_SECONDS, StallWatch

Answer = bool | Exception


class Watched:
    """A minute of one check a second is `run(60)`. `answer`: what the broker says."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.questions = 0
        self.seconds = 1000.0
        self.watch = StallWatch(self.is_behind, lambda: self.seconds)

    async def is_behind(self) -> bool:
        self.questions += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def run(
        self,
        seconds: int,
        acked: Callable[[int], int] = lambda _: 0,
        is_excused: Callable[[int], bool] = lambda _: False,
    ) -> bool:
        """Whether it was ever found stalled."""
        stalled = False
        for second in range(seconds):
            self.seconds += 1
            stalled |= await self.watch.is_stalled(acked(second), is_excused=is_excused(second))
        return stalled


async def test_records_that_wait_for_a_minute_of_questions_are_a_stall() -> None:
    watched = Watched(answer=True)
    assert not await watched.run(int(STALL_SECONDS) * 2 - 5)
    assert await watched.run(15)


async def test_an_idle_router_is_asked_about_once_a_minute_and_goes_on() -> None:
    watched = Watched(answer=False)
    assert not await watched.run(600)
    assert watched.questions <= 10


async def test_a_router_that_acks_is_not_asked_about() -> None:
    watched = Watched(answer=True)
    assert not await watched.run(600, acked=lambda second: second // 50)
    assert watched.questions == 0


@pytest.mark.parametrize(
    "error", [TimeoutError(), KafkaException(KafkaError(KafkaError._TIMED_OUT))]
)
async def test_a_broker_that_is_away_excuses_and_the_minute_begins_again(error: Exception) -> None:
    watched = Watched(answer=error)
    assert not await watched.run(600)
    watched.answer = True
    assert not await watched.run(int(STALL_SECONDS) - 5)
    assert await watched.run(2 * int(STALL_SECONDS))


async def test_one_answer_that_nothing_waits_ends_the_suspicion() -> None:
    watched = Watched(answer=True)
    assert not await watched.run(int(STALL_SECONDS) + 30)
    watched.answer = False
    assert not await watched.run(30)
    watched.answer = True
    assert not await watched.run(int(STALL_SECONDS))


async def test_a_rebalance_has_its_own_limit() -> None:
    watched = Watched(answer=True)
    assert not await watched.run(600, is_excused=lambda _: True)
    assert watched.questions == 0
