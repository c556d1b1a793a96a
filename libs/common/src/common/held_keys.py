"""Which keys of the outbox wait for their older row, and for how long."""

from collections.abc import Callable

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # twice as long after each failure


class HeldKeys:
    """One thread at a time. A key is held from a failure until a retry has read its older rows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._waits: dict[str, float] = {}  # a key's last wait, until one of its rows arrives
        self._skipped: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._until

    def __len__(self) -> int:
        return len(self._until)

    def hold(self, key: str, longest: float = LONGEST_WAIT) -> None:
        now = self._clock()
        if self._until.get(key, now) <= now:
            self._waits[key] = min(2 * self._waits.get(key, FIRST_WAIT / 2), longest)
            self._until[key] = now + self._waits[key]

    def skip(self, key: str) -> None:
        """A newer row of the held key was left to its retry."""
        self._skipped.add(key)

    def arrived(self, key: str) -> None:
        self._waits.pop(key, None)

    def begin_retry(self) -> tuple[list[str], list[str]]:
        """The keys to try now, and those that wait longer."""
        now, self._skipped = self._clock(), set()
        due = [key for key, until in self._until.items() if until <= now]
        return due, [key for key, until in self._until.items() if until > now]

    def end_retry(self, due: list[str]) -> None:
        """Their rows were read. A key that was skipped meanwhile has one more: it stays held."""
        for key in due:
            if key not in self._skipped:
                self._until.pop(key, None)
