"""Stops calls for a number whose every send fails for its owner's reasons: token, block, payment.

Kept in memory per replica: after a restart one call finds out again.
"""

from collections.abc import Hashable

OPEN_SECONDS = 60.0


class CircuitBreaker:
    """Keys: whatever must change for a new try to make sense, so a changed client is tried at once.

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def reserve(self, key: Hashable, now: float) -> float:
        """Seconds not to call. 0: call; in an open circuit one caller per minute gets that."""
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
