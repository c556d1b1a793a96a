"""Meta's two limits on sending, on a clock of the caller.

Pair: one message per 6 s to the same person; a burst of up to 45 within 6 s is borrowed from the
future, so after N messages the next one is due N x 6 s after the first (about-the-platform page,
2025-12-05). Throughput: 80 messages per second and number, in and out together (throughput page,
2026-09-11).
"""

from dataclasses import dataclass

from devkit.emulators.whatsapp.errors import GraphError

PAIR_INTERVAL = 6.0
PAIR_BURST = 45
THROUGHPUT = 80.0


@dataclass(slots=True)
class Burst:
    started: float
    count: int = 1

    def take(self, now: float) -> bool:
        if now >= self.started + PAIR_INTERVAL * self.count:
            self.started, self.count = now, 1
            return True
        if now < self.started + PAIR_INTERVAL and self.count < PAIR_BURST:
            self.count += 1
            return True
        return False


@dataclass(slots=True)
class Bucket:
    at: float
    tokens: float = THROUGHPUT

    def take(self, now: float) -> bool:
        self.tokens = min(THROUGHPUT, self.tokens + max(0.0, now - self.at) * THROUGHPUT)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Limits:
    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], Burst] = {}
        self._numbers: dict[str, Bucket] = {}

    def count(self, phone_number_id: str, now: float) -> bool:
        """One message of this number, in or out; False: over its throughput."""
        return self._numbers.setdefault(phone_number_id, Bucket(now)).take(now)

    def check(self, phone_number_id: str, user_id: str, now: float) -> None:
        """A send. Raises GraphError 130429 or 131056; a refused one uses up nothing of the pair."""
        if not self.count(phone_number_id, now):
            raise GraphError(130429, "Cloud API message throughput has been reached.")
        pair = (phone_number_id, user_id)
        if pair not in self._pairs:
            self._pairs[pair] = Burst(now)
        elif not self._pairs[pair].take(now):
            raise GraphError(
                131056, "Too many messages sent from this number to the same recipient."
            )
