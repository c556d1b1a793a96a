"""Whether and when a turn asks the model again. Pure."""

from collections.abc import Callable

from assistant.openai.http_error import LONGEST_WAIT
from assistant.openai.response import ModelFailure

RATE_LIMIT_SECONDS = 120.0  # windows of limits are a minute
STOPPED_SECONDS = 75.0  # two probes of a server that was away
TRANSIENT_CALLS = 3
DEADLINE_CALLS = 2  # each is paid: only background responses can be cancelled
LARGEST_EXPONENT = 10


def seconds_until_retry(
    failure: ModelFailure, calls: int, seconds: float, random: Callable[[], float]
) -> float | None:
    """None when trying again cannot help, or has been done enough.

    calls: of this turn so far. seconds: since its first claim. random: from 0 to 1, so that many
    turns that failed together do not come back together.
    """
    growth = 2.0 ** min(calls, LARGEST_EXPONENT)
    match failure.kind:
        case "rate_limit":
            at_least = min(max(failure.retry_after, growth), LONGEST_WAIT)
            left = RATE_LIMIT_SECONDS - seconds - at_least
            return at_least + random() * min(at_least, left) if left >= 0 else None
        case "stopped" if seconds + failure.retry_after <= STOPPED_SECONDS:
            return failure.retry_after + random()
        case "transient" if calls < TRANSIENT_CALLS:
            return failure.retry_after + random() * growth / 2
        case "deadline" if calls < DEADLINE_CALLS:
            return 0.0
    return None
