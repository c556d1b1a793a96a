"""Whether records wait that nobody routes: Faust has ways to stop reading and still look alive."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

STALL_SECONDS = 60.0
QUESTIONS = 6  # to the broker within these seconds; every answer must say that records wait
ANSWER_SECONDS = 5.0


class StallWatch:
    """Counts the seconds in which nothing moved although the broker has records for us.

    `is_behind()` asks the broker, only when nothing was acked for `seconds`; it raises TimeoutError
    or KafkaError when the broker is away.
    """

    def __init__(
        self,
        is_behind: Callable[[], Awaitable[bool]],
        now: Callable[[], float],
        seconds: float = STALL_SECONDS,
    ) -> None:
        self._is_behind = is_behind
        self._now = now
        self._seconds = seconds
        self._acked = -1
        self._ask_at = 0.0
        self._behind_since: float | None = None

    async def is_stalled(self, acked: int, *, is_excused: bool) -> bool:
        """To be called about once a second. `acked`: events ever; `is_excused`: something that has
        a time limit of its own is what waits."""
        now = self._now()
        if is_excused or acked != self._acked:
            self._acked, self._behind_since = acked, None
            self._ask_at = now + self._seconds
        elif now >= self._ask_at:
            behind = await self._answer()
            self._behind_since = (self._behind_since or now) if behind else None
            self._ask_at = now + (self._seconds / QUESTIONS if behind else self._seconds)
        return self._behind_since is not None and now - self._behind_since >= self._seconds

    async def _answer(self) -> bool:
        try:
            return await self._is_behind()
        except (TimeoutError, KafkaError):
            return False


async def is_behind(consumer: Any) -> bool:
    """Whether Faust's consumer owns a partition with records beyond its committed offset.

    The question goes to the client itself: Faust's own queue of calls may be what hangs. Retention
    may have deleted what a committed offset points to.
    """
    partitions, thread = list(consumer.assignment()), consumer._thread
    asked = asyncio.run_coroutine_threadsafe(
        bounds(thread._consumer, partitions), thread.thread_loop
    )
    first, end = await asyncio.wait_for(asyncio.wrap_future(asked), ANSWER_SECONDS)
    committed = consumer._committed_offset
    return any(end[each] > max(first[each], committed.get(each) or 0) for each in partitions)


async def bounds(client: Any, partitions: list[Any]) -> tuple[dict[Any, int], dict[Any, int]]:
    """The first offset of each partition, and the next."""
    return await client.beginning_offsets(partitions), await client.end_offsets(partitions)
