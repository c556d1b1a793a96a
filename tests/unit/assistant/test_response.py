"""Anything a server sends becomes an answer or a failure, never an exception."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.openai.response import (
    LONGEST_TEXT,
    ModelAnswer,
    ModelFailure,
    Usage,
    read_http_error,
    read_response,
)


def a_response(*parts: Any, **fields: Any) -> dict[str, Any]:
    output = [{"type": "message", "role": "assistant", "content": list(parts)}]
    return {"status": "completed", "model": "gpt-6-luna", "output": output} | fields


def text(content: str) -> dict[str, str]:
    return {"type": "output_text", "text": content}


USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60},
    "output_tokens": 20,
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (a_response(text(" hola\n")), "hola"),
        (a_response(text("a"), text("b")), "a\nb"),
        (a_response({"type": "refusal", "refusal": "No puedo."}), "No puedo."),
        (a_response(text("a"), {"type": "novelty", "text": 3}), "a"),
        (a_response(text("a"), None, "x", 4), "a"),
        (a_response(text("a\0b\ud800")), "ab?"),
        (a_response(text("cut"), incomplete_details={"reason": "max_output_tokens"}), "cut"),
        ({"output": [{"type": "reasoning"}, *a_response(text("a"))["output"]]}, "a"),
    ],
)
def test_text_is_found_and_made_storable(body: dict[str, Any], expected: str) -> None:
    answer = read_response(body)
    assert isinstance(answer, ModelAnswer)
    assert answer.text == expected


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("<html>busy</html>", ModelFailure("unreadable", 1.0)),
        (None, ModelFailure("unreadable", 1.0)),
        ([], ModelFailure("unreadable", 1.0)),
        ({}, ModelFailure("empty", 1.0)),
        ({"output": "text"}, ModelFailure("empty")),
        (a_response(), ModelFailure("empty")),
        (a_response(text(" \0\n")), ModelFailure("empty")),
        (a_response(text(7)), ModelFailure("empty")),  # type: ignore[arg-type]
        (a_response(text("x" * (LONGEST_TEXT + 1))), ModelFailure("too_long")),
        (
            {"output": [], "incomplete_details": {"reason": "max_output_tokens"}},
            ModelFailure("incomplete:max_output_tokens"),
        ),
        (
            a_response(text("half"), incomplete_details={"reason": "content_filter"}),
            ModelFailure("incomplete:content_filter"),
        ),
        (
            {"status": "failed", "error": {"code": "server_error"}},
            ModelFailure("failed:server_error", 1.0),
        ),
        (
            {"status": "failed", "error": {"code": "invalid_prompt"}},
            ModelFailure("failed:invalid_prompt"),
        ),
        ({"status": "failed", "error": None}, ModelFailure("failed:unknown")),
        ({"status": "failed", "error": {"code": "a\0b"}}, ModelFailure("failed:unknown")),
    ],
)
def test_what_is_no_answer_is_a_failure_with_its_reason(
    body: object, failure: ModelFailure
) -> None:
    assert read_response(body) == failure


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (USAGE, Usage("gpt-6-luna", 100, 60, 20)),
        (None, Usage("gpt-6-luna")),
        (USAGE | {"input_tokens_details": None}, Usage("gpt-6-luna", 100, 0, 20)),
        (USAGE | {"input_tokens": "9", "output_tokens": -1}, Usage("gpt-6-luna", 0, 60, 0)),
        (USAGE | {"input_tokens": 2**40}, Usage("gpt-6-luna", 2**31 - 1, 60, 20)),
    ],
)
def test_usage_may_be_missing_or_absurd(usage: object, expected: Usage) -> None:
    answer = read_response(a_response(text("a"), usage=usage))
    assert isinstance(answer, ModelAnswer)
    assert answer.usage == expected


@pytest.mark.parametrize(
    ("status", "error", "headers", "failure"),
    [
        (429, {"code": "rate_limit_exceeded"}, {"retry-after": "20"}, ("rate_limit_exceeded", 20)),
        (429, {"code": "slow_down"}, {"retry-after-ms": "2500"}, ("slow_down", 2.5)),
        (429, {"code": "slow_down"}, {"retry-after": "900"}, ("slow_down", 60.0)),
        (429, {"code": "slow_down"}, {"retry-after": "0"}, ("slow_down", 1.0)),
        (429, {"code": "slow_down"}, {"retry-after": "nan"}, ("slow_down", 1.0)),
        (429, {"code": "slow_down"}, {"retry-after": "Wed, 25 Nov 2026"}, ("slow_down", 1.0)),
        (503, {"code": "server_is_overloaded"}, {}, ("server_is_overloaded", 1.0)),
        (400, {"code": "conversation_locked"}, {}, ("conversation_locked", 1.0)),
        (400, {"code": "context_length_exceeded"}, {}, ("context_length_exceeded", None)),
        (401, {"code": "invalid_api_key"}, {}, ("invalid_api_key", None)),
        (404, {"code": "model_not_found"}, {}, ("model_not_found", None)),
    ],
)
def test_a_refusal_is_retried_only_where_that_can_help(
    status: int, error: Any, headers: dict[str, str], failure: tuple[str, float | None]
) -> None:
    code, wait = failure
    expected = ModelFailure(f"http_{status}:{code}", wait)
    assert read_http_error(status, {"error": error}, headers) == expected


@pytest.mark.parametrize(
    "error",
    [
        {"code": "credit_balance_exhausted", "type": "insufficient_quota"},
        {"code": "insufficient_quota"},
        {"code": "news_to_us", "type": "insufficient_quota"},
    ],
)
def test_an_empty_account_is_never_retried(error: dict[str, str]) -> None:
    failure = read_http_error(429, {"error": error}, {"retry-after": "1"})
    assert failure == ModelFailure(f"billing:{error['code']}")


KEYS = st.sampled_from(
    ("status", "output", "type", "content", "text", "refusal", "error", "code", "usage", "model")
) | st.sampled_from(
    ("incomplete_details", "reason", "input_tokens", "input_tokens_details", "output_tokens")
)
WORDS = st.sampled_from(["failed", "message", "output_text", "refusal", "completed"]) | st.text()
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(), inner),
    max_leaves=15,
)


@settings(deadline=None)
@given(JSON)
def test_any_json_is_read_and_can_be_stored(body: object) -> None:
    read = read_response(body)
    if isinstance(read, ModelAnswer):
        assert read.text.encode()
        assert "\0" not in read.text
        assert 0 <= read.usage.input_tokens < 2**31
    else:
        assert read.reason.isprintable()


@given(st.integers(100, 599), JSON, st.dictionaries(st.just("retry-after"), st.text()))
def test_any_refusal_is_read(status: int, body: object, headers: dict[str, str]) -> None:
    failure = read_http_error(status, body, headers)
    assert failure.retry_after is None or 1.0 <= failure.retry_after <= 60.0
    assert json.dumps(failure.reason).isascii()
