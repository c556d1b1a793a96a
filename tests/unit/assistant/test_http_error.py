"""An HTTP error says whether another call may help, and how long the server wants to be left."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.assistant.test_response import JSON

from assistant.openai.http_error import duration, read_http_error


@pytest.mark.parametrize(
    ("status", "error", "reason", "kind"),
    [
        (429, {"code": "rate_limit_exceeded"}, "http_429:rate_limit_exceeded", "rate_limit"),
        (429, {"code": "slow_down"}, "http_429:slow_down", "rate_limit"),
        (429, None, "http_429", "rate_limit"),
        (429, {"code": "credit_balance_exhausted"}, "billing:credit_balance_exhausted", "account"),
        (429, {"code": "new", "type": "insufficient_quota"}, "billing:new", "account"),
        (401, {"code": "invalid_api_key"}, "http_401:invalid_api_key", "account"),
        (402, None, "http_402", "account"),
        (403, None, "http_403", "account"),
        (403, {"code": "model_not_found"}, "http_403:model_not_found", "final"),
        (404, {"code": "model_not_found"}, "http_404:model_not_found", "final"),
        (400, {"code": "context_length_exceeded"}, "http_400:context_length_exceeded", "final"),
        (400, None, "http_400", "final"),
        (307, None, "http_307", "final"),
        (408, None, "http_408", "transient"),
        (409, None, "http_409", "transient"),
        (500, {"code": "server_error"}, "http_500:server_error", "transient"),
        (503, {"code": "server_is_overloaded"}, "http_503:server_is_overloaded", "transient"),
        (529, None, "http_529", "transient"),
    ],
)
def test_an_error_is_of_a_kind(status: int, error: Any, reason: str, kind: str) -> None:
    failure = read_http_error(status, {"error": error}, {})
    assert (failure.reason, failure.kind, failure.retry_after) == (reason, kind, 0.0)


@pytest.mark.parametrize(
    ("error", "code", "param"),
    [
        (
            {"code": "unsupported_value", "param": "reasoning.effort"},
            "unsupported_value",
            "reasoning.effort",
        ),
        (
            {
                "code": None,
                "param": "temperature",
                "message": "Unsupported parameter: 'temperature' is not supported.",
            },
            "unsupported_parameter",
            "temperature",
        ),
        ({"code": "\0", "param": ["top_p"], "message": 4}, None, None),
    ],
)
def test_a_refused_parameter_is_known(error: Any, code: str | None, param: str | None) -> None:
    failure = read_http_error(400, {"error": error}, {})
    assert (failure.code, failure.param) == (code, param)


@pytest.mark.parametrize(
    ("status", "body", "code", "param"),
    [
        (
            400,
            {"error": {"message": "property 'prompt_cache_key' is unsupported", "code": None}},
            "unsupported_parameter",
            "prompt_cache_key",
        ),
        (
            400,
            {"error": {"message": "Unrecognized request argument: safety_identifier"}},
            "unsupported_parameter",
            "safety_identifier",
        ),
        (
            422,
            {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "prompt_cache_key"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
            "unsupported_parameter",
            "prompt_cache_key",
        ),
        (
            400,
            {"error": {"message": "Unexpected keyword: verbosity", "code": "400"}},
            "unsupported_parameter",
            "text.verbosity",
        ),
        (
            400,
            {
                "error": {
                    "message": "Invalid value: 'developer'. Supported values are: 'system'.",
                    "code": "invalid_value",
                    "param": "input[3].role",
                }
            },
            "unsupported_role",
            None,
        ),
        (
            422,
            {
                "detail": [
                    {
                        "loc": ["body", "input", 3, "role"],
                        "msg": "Input should be 'user', 'assistant' or 'system'",
                        "input": "developer",
                    }
                ]
            },
            "unsupported_role",
            None,
        ),
        (400, {"message": "Unexpected message role.", "code": 400}, "unsupported_role", None),
        (400, {"error": {"message": "Image too large", "code": None}}, None, None),
        (500, {"error": {"message": "unknown role developer"}}, None, None),
        (400, {"detail": "unknown"}, None, None),
        (400, {"detail": [7, {"loc": 4}]}, None, None),
    ],
)
def test_what_a_strict_server_refuses_in_its_own_words_is_known(
    status: int, body: Any, code: str | None, param: str | None
) -> None:
    failure = read_http_error(status, body, {})
    assert (failure.code, failure.param) == (code, param)


DATE = {"date": "Wed, 25 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "20"}, 20),
        (429, {"retry-after-ms": "2500"}, 2.5),
        (429, {"retry-after-ms": "2500", "retry-after": "3"}, 2.5),
        (429, {"retry-after": "900"}, 60),
        (429, {"retry-after": "0"}, 0),
        (429, {"retry-after": "nan"}, 0),
        (429, {"retry-after": "-5"}, 0),
        (429, {"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT"} | DATE, 30),
        (429, {"retry-after": "Wed, 25 Nov 2026 09:00:00 GMT"} | DATE, 0),
        (429, {"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT"}, 0),
        (429, {"retry-after": "soon"} | DATE, 0),
        (429, {"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 60),
        (429, {"retry-after": "2", "x-ratelimit-reset-requests": "12.5s"}, 12.5),
        (503, {"retry-after": "5", "x-ratelimit-reset-requests": "12s"}, 5),
        (401, {"retry-after": "5"}, 0),
    ],
)
def test_the_longest_wait_that_the_server_asks_for_counts(
    status: int, headers: dict[str, str], seconds: float
) -> None:
    assert read_http_error(status, None, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("120ms", 0.12),
        ("1h2m3.5s", 3723.5),
        ("", 0.0),
        ("12", 0.0),
        ("1s or so", 0.0),
    ],
)
def test_durations_of_rate_limits(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


NAMES = st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens"])


@given(st.integers(100, 599), JSON, st.dictionaries(NAMES, st.text()))
def test_any_error_is_read(status: int, body: object, headers: dict[str, str]) -> None:
    failure = read_http_error(status, body, headers)
    assert 0.0 <= failure.retry_after <= 60.0
    assert json.dumps(failure.reason).isascii()
