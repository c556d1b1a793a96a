"""Meta's speed limits, kept per replica: 80 messages/s of a number, and one per 6 s to one person
after a burst of 45. What several replicas send beyond them is refused by Graph and retried.

Each limit is a theoretical arrival time (GCRA): the moment at which the next send would be due if
all were evenly spaced. Times are monotonic seconds.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

PAIR_EVERY, PAIR_BURST = 6.0, 45
NUMBER_BURST_SECONDS = 0.25
LONGEST_PAUSE = 2.0  # seconds; at 70/s a number's share of the slots waits less
MAX_KEYS = 100_000


@dataclass
class Limit:
    """One send per `every` seconds after a burst; keeps the most recently used keys."""

    every: float
    burst: float
    _due: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def wait(self, key: str, now: float) -> float:
        """Seconds until the next send may leave."""
        return max(0.0, self._due.get(key, now) - (self.burst - 1) * self.every - now)

    def take(self, key: str, now: float) -> None:
        self._due[key] = max(self._due.get(key, now), now) + self.every
        self._due.move_to_end(key)
        if len(self._due) > MAX_KEYS:
            self._due.popitem(last=False)


class Pacing:
    def __init__(self, number_per_second: float) -> None:
        burst = max(1.0, number_per_second * NUMBER_BURST_SECONDS)
        self._numbers = Limit(1 / number_per_second, burst)
        self._pairs = Limit(PAIR_EVERY, PAIR_BURST)

    def reserve(self, number: str, pair: str, now: float) -> float:
        """Seconds until this send may leave. It counts as sent if that is at most LONGEST_PAUSE."""
        wait = max(self._numbers.wait(number, now), self._pairs.wait(pair, now))
        if wait <= LONGEST_PAUSE:
            self._numbers.take(number, now)
            self._pairs.take(pair, now)
        return wait
