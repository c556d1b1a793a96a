"""Stops calls for a number whose every send would fail until its owner acts: token, block, payment.

Kept in memory per replica: after a restart one call finds out again.
"""

from collections.abc import Hashable

OPEN_SECONDS = 60.0


class CircuitBreaker:
    """A key holds what must change before another try makes sense: a changed tenant is a new key.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def reserve(self, key: Hashable, now: float) -> float:
        """Seconds to wait. 0: call now; in an open circuit one caller per minute gets that."""
        until = self._until.get(key)
        if until is None:
            return 0.0
        if until > now:
            return until - now
        self._until[key] = now + OPEN_SECONDS
        return 0.0

    def record_failure(self, key: Hashable, now: float) -> None:
        self._until[key] = now + OPEN_SECONDS

    def record_success(self, key: Hashable) -> None:
        self._until.pop(key, None)
