"""Whether and when a turn asks the model again. Pure."""

from collections.abc import Callable

from assistant.openai.http_error import LONGEST_WAIT
from assistant.openai.response import ModelFailure

TURN_SECONDS = 75.0  # of a turn that fails, from its first claim: two probes of a server fit in
RATE_LIMIT_SECONDS = 120.0  # windows of limits are a minute
SHORTEST_CALL = 15.0  # seconds that a call gets, however late it begins
TRANSIENT_CALLS = 3
DEADLINE_CALLS = 2  # each is paid: only background responses can be cancelled
LARGEST_EXPONENT = 10


def seconds_until_retry(
    failure: ModelFailure,
    calls: int,
    seconds: float,
    random: Callable[[], float],
    budget: float = TURN_SECONDS,
) -> float | None:
    """None when trying again cannot help, or has been done enough.

    calls: of this turn so far. seconds: since its first claim. random: from 0 to 1, so that many
    turns that failed together do not come back together. budget: seconds; a limit is waited out for
    two minutes at least.
    """
    growth = 2.0 ** min(calls, LARGEST_EXPONENT)
    left = budget - seconds
    limit_left = max(budget, RATE_LIMIT_SECONDS) - seconds
    match failure.kind:
        case "rate_limit" if limit_left >= 1:
            at_least = max(failure.retry_after, min(growth, LONGEST_WAIT))
            return within(limit_left, at_least + random() * at_least, random)
        case "put_off" if limit_left >= 1:
            return within(limit_left, failure.retry_after, random)
        case "stopped" if failure.retry_after <= left:
            return failure.retry_after + random()
        case "transient" if calls < TRANSIENT_CALLS and failure.retry_after < left:
            return failure.retry_after + random() * growth / 2
        case "deadline" if calls < DEADLINE_CALLS and left > 0:
            return 0.0
    return None


def within(left: float, wait: float, random: Callable[[], float]) -> float:
    """The wait; where it is longer than what is left, a time in the second half of that: many turns
    wait so, and not all may come in the last moment."""
    return wait if wait <= left else left * (0.5 + random() / 2)


def seconds_of_call(longest: float, budget: float, seconds: float) -> float:
    """How long a call may take that begins so many seconds after the turn's first claim."""
    return min(longest, max(budget - seconds, SHORTEST_CALL))
