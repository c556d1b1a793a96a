"""A key's limit in the stand-in: a burst of ten seconds' requests, then evenly."""

import pytest

from devkit.emulators.openai.rate_limit import RateLimit


def test_a_key_of_sixty_a_minute_takes_ten_at_once_and_then_one_a_second() -> None:
    limit = RateLimit.full(60, now=100.0)
    assert [limit.admit(100.0) for _ in range(11)] == [True] * 10 + [False]
    assert [limit.admit(now) for now in (100.5, 101.0, 101.5, 102.0)] == [False, True, False, True]
    assert [limit.admit(500.0) for _ in range(11)] == [True] * 10 + [False], "no more than a burst"


@pytest.mark.parametrize(
    ("calls", "remaining", "reset"),
    [(0, b"10", b"0.000s"), (4, b"6", b"0.000s"), (10, b"0", b"1.000s")],
)
def test_the_headers_say_what_is_left(calls: int, remaining: bytes, reset: bytes) -> None:
    limit = RateLimit.full(60, now=0.0)
    for _ in range(calls):
        limit.admit(0.0)
    assert dict(limit.headers) == {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": remaining,
        b"x-ratelimit-reset-requests": reset,
    }
