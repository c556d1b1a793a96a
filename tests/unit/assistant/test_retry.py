"""When a turn asks the model again: one row for each kind of failure and what is left of it."""

from random import Random

import pytest

from assistant.openai.http_error import read_http_error
from assistant.openai.response import ModelFailure, read_response
from assistant.openai.retry import seconds_until_retry

NEVER = None


def http(status: int, code: str | None = None, **headers: str) -> ModelFailure:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_http_error(status, {"error": {"code": code}}, names)


def response(**body: object) -> ModelFailure:
    read = read_response({"output": [], **body})
    assert isinstance(read, ModelFailure)
    return read


RESETS = {"x_ratelimit_reset_requests": "10s", "x_ratelimit_reset_tokens": "120ms"}
FAILED = {"status": "failed"}


@pytest.mark.parametrize(
    ("failure", "calls", "seconds", "shortest", "longest"),
    [
        (http(429, "rate_limit_exceeded"), 1, 0, 2, 4),
        (http(429, "rate_limit_exceeded"), 4, 30, 16, 32),
        (http(429, "slow_down", retry_after="5"), 1, 0, 5, 10),
        (http(429, "rate_limit_exceeded", **RESETS), 1, 0, 10, 20),
        (http(429, "rate_limit_exceeded", retry_after="300"), 1, 10, 60, 110),  # the budget's end
        (http(429, "rate_limit_exceeded"), 40, 59, 60, 61),
        (http(429, "rate_limit_exceeded"), 40, 61, NEVER, NEVER),
        (http(429, "rate_limit_exceeded"), 1, 119, NEVER, NEVER),
        (response(**FAILED, error={"code": "rate_limit_exceeded"}), 1, 0, 2, 4),
        (http(429, "credit_balance_exhausted"), 1, 0, NEVER, NEVER),
        (http(401, "invalid_api_key"), 1, 0, NEVER, NEVER),
        (http(403), 1, 0, NEVER, NEVER),
        (http(404, "model_not_found"), 1, 0, NEVER, NEVER),
        (http(400, "unsupported_value"), 1, 0, NEVER, NEVER),
        (http(400, "context_length_exceeded"), 1, 0, NEVER, NEVER),
        (http(408), 1, 0, 0, 1),
        (http(409), 2, 0, 0, 2),
        (http(500, "server_error"), 3, 0, NEVER, NEVER),
        (http(503, retry_after="5"), 1, 0, 5, 6),
        (http(529), 1, 0, 0, 1),
        (ModelFailure("connection", "transient"), 1, 0, 0, 1),
        (read_response(None), 1, 0, 0, 1),
        (response(**FAILED, error={"code": "server_error"}), 1, 0, 0, 1),
        (ModelFailure("deadline", "deadline"), 1, 45, 0, 0),
        (ModelFailure("deadline", "deadline"), 2, 90, NEVER, NEVER),
        (response(**FAILED, error={"code": "invalid_prompt"}), 1, 0, NEVER, NEVER),
        (response(incomplete_details={"reason": "content_filter"}), 1, 0, NEVER, NEVER),
        (response(incomplete_details={"reason": "max_output_tokens"}), 1, 0, NEVER, NEVER),
        (response(), 1, 0, NEVER, NEVER),
        (ModelFailure("refusal"), 1, 0, NEVER, NEVER),
        (ModelFailure("breaker_open:billing"), 1, 0, NEVER, NEVER),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 3, 10, 30, 31),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 9, 45, 30, 31),
        (ModelFailure("breaker_open:http_503", "stopped", 30.0), 1, 46, NEVER, NEVER),
    ],
)
def test_a_failure_is_tried_again_where_that_can_help(
    failure: ModelFailure,
    calls: int,
    seconds: float,
    shortest: float | None,
    longest: float | None,
) -> None:
    assert seconds_until_retry(failure, calls, seconds, lambda: 0.0) == shortest
    assert seconds_until_retry(failure, calls, seconds, lambda: 1.0) == longest


@pytest.mark.parametrize("asked", [{}, {"retry_after": "10"}, {"retry_after": "60"}])
def test_turns_that_met_a_rate_limit_together_do_not_come_back_together(
    asked: dict[str, str],
) -> None:
    failure, random = http(429, **asked), Random(7).random
    waits = [seconds_until_retry(failure, 1, 0.0, random) or 0.0 for _ in range(1000)]
    tenths = [int(wait * 10) for wait in waits]
    assert max(tenths.count(tenth) for tenth in set(tenths)) <= 80
    assert min(waits) >= failure.retry_after


def test_sixty_contacts_at_once_on_a_key_of_sixty_a_minute_are_all_answered() -> None:
    """The key takes 10 at once and one more a second; a simulation of its bucket."""
    failure, random = http(429, "rate_limit_exceeded"), Random(7).random
    due, tokens, last, answered = [(0.0, 1)] * 60, 10.0, 0.0, 0
    while due:
        due.sort()
        now, calls = due.pop(0)
        tokens, last = min(10.0, tokens + now - last), now
        if tokens >= 1:
            tokens, answered = tokens - 1, answered + 1
        elif wait := seconds_until_retry(failure, calls, now, random):
            due.append((now + wait, calls + 1))
    assert answered == 60
