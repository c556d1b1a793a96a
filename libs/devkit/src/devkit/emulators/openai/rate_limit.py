"""A key's limit of requests: as many as fit into ten seconds at once, then evenly.

https://developers.openai.com/api/docs/guides/rate-limits.md: a limit a minute may be enforced for
shorter periods.
"""

from dataclasses import dataclass

from devkit.emulators.asgi import Headers

BURST_SECONDS = 10.0


@dataclass(slots=True)
class RateLimit:
    """Of one key. free: requests that may come now; seen_at: seconds that never step back."""

    requests_per_minute: float
    free: float
    seen_at: float

    @classmethod
    def full(cls, requests_per_minute: float, now: float) -> "RateLimit":
        return cls(requests_per_minute, burst_of(requests_per_minute), now)

    def admit(self, now: float) -> bool:
        refilled = self.free + (now - self.seen_at) * self.requests_per_minute / 60
        self.free, self.seen_at = min(refilled, burst_of(self.requests_per_minute)), now
        if self.free < 1:
            return False
        self.free -= 1
        return True

    @property
    def headers(self) -> Headers:
        """In place of those of a key without a limit."""
        seconds = max(0.0, 1 - self.free) * 60 / self.requests_per_minute
        return (
            (b"x-ratelimit-limit-requests", f"{self.requests_per_minute:g}".encode()),
            (b"x-ratelimit-remaining-requests", str(int(self.free)).encode()),
            (b"x-ratelimit-reset-requests", f"{seconds:.3f}s".encode()),
        )


def burst_of(requests_per_minute: float) -> float:
    return max(1.0, requests_per_minute * BURST_SECONDS / 60)
