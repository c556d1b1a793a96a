"""Whether records wait that nobody routes: Faust has ways to stop reading and still look alive."""

from collections.abc import Awaitable, Callable

from confluent_kafka import KafkaException

STALL_SECONDS = 60.0
QUESTIONS = 6  # to the broker within these seconds; every answer must say that records wait


class StallWatch:
    """Counts the seconds in which nothing moved although the broker has records for us.

    `is_behind()` asks the broker, only when nothing was acked for `seconds`; it raises TimeoutError
    or KafkaException when the broker is away.
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
        except (TimeoutError, KafkaException):
            return False
