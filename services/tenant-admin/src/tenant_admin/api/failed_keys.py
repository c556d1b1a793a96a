"""Slows down guessing: a remote that failed often is told to wait.

A right key always passes: many operators may share the address of one proxy, and a guesser
behind it must not lock them out. 256 random bits are beyond guessing anyway.
"""

from collections import deque
from collections.abc import Callable

LIMIT = 20
SECONDS = 60.0
REMOTES = 10_000


class FailedKeys:
    """Wrong keys per remote in the last minute. `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failed: dict[str, deque[float]] = {}

    def count_failure(self, remote: str) -> bool:
        """True when it was one too many."""
        if len(self._failed) > REMOTES:
            self._drop_quiet_remotes()
        times = self._failed.setdefault(remote, deque(maxlen=LIMIT + 1))
        times.append(self._now())
        while times[0] <= self._now() - SECONDS:
            times.popleft()
        return len(times) > LIMIT

    def _drop_quiet_remotes(self) -> None:
        """All of them when none is quiet: memory stays bounded."""
        since = self._now() - SECONDS
        recent = {remote: times for remote, times in self._failed.items() if times[-1] > since}
        self._failed = recent if len(recent) <= REMOTES else {}
