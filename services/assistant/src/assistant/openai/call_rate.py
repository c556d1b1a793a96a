"""How often a key calls, once it has met its rate limit. Pure; kept in memory per replica.

Limits are calls or tokens a minute, so a rate is adapted and not the number of calls in flight: a
refusal halves it, each answer adds a call a minute. Turns that are put off get times one after the
other, so that a thousand of them neither knock together nor at a limit that is known.
"""

from dataclasses import dataclass
from math import exp, inf

AVERAGED = 5.0  # seconds over which calls are counted
LOWEST = 0.5  # calls a second; a stricter limit says how long to wait
STEP = 1 / 60  # calls a second more per answer
FURTHEST = 120.0  # seconds: no turn waits longer, so no place is kept beyond
SETTLING = 1.0  # seconds: refusals of calls from before a halving say nothing new


@dataclass(slots=True)
class CallRate:
    """Of one key. recent: calls a second, as they were. limit: calls a second, None until one was
    refused. free: calls that may begin now. held_until: no call before. last_place: the time of the
    turn that was put off last. Times are seconds that never step back."""

    recent: float = 0.0
    limit: float | None = None
    free: float = 0.0
    held_until: float = 0.0
    last_place: float = 0.0
    halved_at: float = -inf
    seen_at: float = 0.0

    def admit(self, is_first: bool, now: float) -> float:
        """Seconds to wait; 0: call now. is_first: a turn that was not put off before goes behind
        those that were."""
        self.pass_time(now)
        if self.limit is not None and not self.is_free(self.limit, is_first, now):
            return self.put_off(self.limit, now)
        self.free -= 1
        self.recent += 1 / AVERAGED
        return 0.0

    def is_free(self, limit: float, is_first: bool, now: float) -> bool:
        if self.free < 1 or now < self.held_until:
            return False
        # Places may be of turns that have ended otherwise: then nobody takes what is free.
        return not is_first or self.last_place <= now or self.free >= most_free(limit)

    def pass_time(self, now: float) -> None:
        passed, self.seen_at = now - self.seen_at, now
        self.recent *= exp(-passed / AVERAGED)
        if self.limit is not None:
            self.free = min(self.free + passed * self.limit, most_free(self.limit))

    def put_off(self, limit: float, now: float) -> float:
        place = max(self.last_place, self.held_until, now) + 1 / limit
        self.last_place = min(place, now + FURTHEST)
        return place - now

    def refused(self, retry_after: float, now: float) -> float:
        """Seconds until the refused turn may call again."""
        if now - self.halved_at >= SETTLING:
            rate = self.recent if self.limit is None else min(self.limit, self.recent)
            self.limit, self.halved_at, self.free = max(rate / 2, LOWEST), now, 0.0
        self.held_until = max(self.held_until, now + retry_after)
        return self.put_off(self.limit or LOWEST, now)

    def answered(self) -> None:
        if self.limit is not None:
            self.limit += STEP


def most_free(limit: float) -> float:
    """Calls that may begin together: those of a second, or of a pause of the last two."""
    return max(2.0, limit)
