"""Stops calls that would fail like those before them, for a while. Kept in memory per replica.

purgatory, pybreaker and aiobreaker know neither a rate of failures nor a duration per cause.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from assistant.openai.expiring_map import ExpiringMap
from assistant.openai.response import ModelFailure

ACCOUNT_SECONDS = 600.0  # open after a refused key or an empty account
SERVER_SECONDS = 30.0  # open after failures of the server
PROBE_SECONDS = 5.0  # so long the others wait for what a probe finds
FAILURES_IN_A_ROW = 10
RECENT_CALLS, RECENT_SECONDS = 40, 30.0  # half of so many, within so many seconds
COUNTED = frozenset({"transient", "deadline"})
KEPT, KEPT_SECONDS = 1000, 3600.0  # circuits, and how long after their last failure


@dataclass(slots=True)
class Circuit:
    """Of one key. cause: why it is open; None when it is closed. until: no call before.

    probing: one call was let through, its result decides. recent: time of a call, and whether it
    failed.
    """

    cause: str | None = None
    seconds: float = 0.0
    until: float = 0.0
    probing: bool = False
    in_a_row: int = 0
    recent: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=RECENT_CALLS))

    @property
    def is_waiting(self) -> bool:
        """Open, so that results are of calls from before."""
        return self.cause is not None and not self.probing

    def admit(self, now: float) -> ModelFailure | None:
        """Why no call may be made. Once the time is over one call is a probe; if its result never
        comes, the next one follows after the same time."""
        if self.cause is None:
            return None
        if now < self.until:
            return self.refusal(self.until - now)
        self.until = now + self.seconds
        self.probing = True
        return None

    def refusal(self, left: float) -> ModelFailure:
        """A server comes back by itself, so turns wait; an account does not."""
        reason = f"breaker_open:{self.cause}"
        if self.seconds == ACCOUNT_SECONDS:
            return ModelFailure(reason)
        return ModelFailure(reason, "stopped", min(left, PROBE_SECONDS) if self.probing else left)

    def record(self, failure: ModelFailure | None, now: float) -> float | None:
        """Returns for how many seconds the circuit has opened, if this opened it."""
        if failure and failure.kind == "account":
            known = self.is_waiting and self.seconds == ACCOUNT_SECONDS
            return None if known else self.open(failure, ACCOUNT_SECONDS, now)
        if self.is_waiting:
            return None
        if failure and failure.kind in COUNTED:
            return self.count(failure, now)
        if self.probing:
            self.close()
        elif not failure or failure.kind != "rate_limit":
            self.in_a_row = 0
            self.recent.append((now, False))
        return None

    def count(self, failure: ModelFailure, now: float) -> float | None:
        self.in_a_row += 1
        self.recent.append((now, True))
        if self.probing or self.in_a_row >= FAILURES_IN_A_ROW or self.fails_often(now):
            return self.open(failure, SERVER_SECONDS, now)
        return None

    def fails_often(self, now: float) -> bool:
        failed = sum(failed for _, failed in self.recent)
        is_recent = now - self.recent[0][0] <= RECENT_SECONDS
        return is_recent and len(self.recent) == RECENT_CALLS and 2 * failed >= RECENT_CALLS

    def open(self, failure: ModelFailure, seconds: float, now: float) -> float:
        self.close()
        self.cause = failure.reason.partition(":")[0]
        self.seconds, self.until = seconds, now + seconds
        return seconds

    def close(self) -> None:
        self.cause, self.probing, self.in_a_row = None, False, 0
        self.recent.clear()


class ModelCircuits:
    """One circuit for each key that has failed. monotonic: seconds that never step back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._circuits: ExpiringMap[Hashable, Circuit] = ExpiringMap(KEPT_SECONDS, KEPT, monotonic)

    def admit(self, key: Hashable) -> ModelFailure | None:
        """Why no call may be made now; None: make it, and record what came of it."""
        circuit = self._circuits.get(key)
        return circuit.admit(self._monotonic()) if circuit else None

    def record(self, key: Hashable, failure: ModelFailure | None) -> float | None:
        """failure: None for an answer. Returns for how many seconds the circuit has opened."""
        counts = failure is not None and failure.kind in COUNTED | {"account"}
        circuit = self._circuits.get(key) or (Circuit() if counts else None)
        if circuit is None:
            return None
        if counts:
            self._circuits.put(key, circuit)
        return circuit.record(failure, self._monotonic())
