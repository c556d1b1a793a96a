"""What is changed in a request that a model refused."""

from typing import Any

import pytest

from assistant.openai.adjustment import (
    DISPENSABLE,
    FILES,
    Adjustment,
    adjusted,
    lasting,
    next_adjustment,
    words_only,
)
from assistant.openai.response import ModelFailure
from common.openai_models import DEFAULT_MODEL, STEP_UP

NONE = Adjustment()
WITHOUT_EFFORT = Adjustment(without=frozenset({"reasoning.effort"}))
NO_HISTORY = Adjustment(history_turns=0)


def refused(code: str, param: str | None = None) -> ModelFailure:
    return ModelFailure(f"http_400:{code}", code=code, param=param)


@pytest.mark.parametrize(
    ("before", "failure", "after"),
    [
        (NONE, refused("unsupported_value", "reasoning.effort"), WITHOUT_EFFORT),
        (NONE, refused("unsupported_parameter", "reasoning.effort"), WITHOUT_EFFORT),
        (WITHOUT_EFFORT, refused("unsupported_value", "reasoning.effort"), None),
        (NONE, refused("unsupported_value", "input"), None),
        (NONE, refused("unsupported_value"), None),
        (NONE, refused("invalid_value", "temperature"), None),
        (NONE, refused("context_length_exceeded"), Adjustment(history_turns=2)),
        (Adjustment(history_turns=2), refused("context_length_exceeded"), NO_HISTORY),
        (NO_HISTORY, refused("context_length_exceeded"), None),
        (NONE, refused("model_not_found"), Adjustment(model=STEP_UP)),
        (Adjustment(model=STEP_UP), refused("model_not_found"), None),
        (NONE, ModelFailure("http_500", "transient"), None),
        (NONE, ModelFailure("deadline", "deadline"), None),
    ],
)
def test_each_thing_is_changed_once(
    before: Adjustment, failure: ModelFailure, after: Adjustment | None
) -> None:
    assert next_adjustment(before, "gpt-5", failure) == after


@pytest.mark.parametrize(
    ("model", "instead"),
    [
        ("gpt-4o-2024-08-06", DEFAULT_MODEL),
        ("gpt-5.1", STEP_UP),
        ("made-up", DEFAULT_MODEL),
        (DEFAULT_MODEL, None),
    ],
)
def test_a_model_that_is_gone_has_a_replacement_of_its_class(
    model: str, instead: str | None
) -> None:
    further = next_adjustment(NONE, model, refused("model_not_found"))
    assert (further.model if further else None) == instead


BODY: dict[str, Any] = {
    "model": "gpt-5",
    "input": [],
    "reasoning": {"effort": "low"},
    "text": {"verbosity": "low", "format": {"type": "text"}},
    "temperature": 0.3,
    "top_p": 0.9,
    "prompt_cache_key": "1:a:2",
    "safety_identifier": "abc",
    "max_output_tokens": 800,
}


@pytest.mark.parametrize(
    ("adjustment", "body"),
    [
        (NONE, BODY),
        (Adjustment(model="gpt-6-sol"), BODY | {"model": "gpt-6-sol"}),
        (WITHOUT_EFFORT, {name: BODY[name] for name in BODY if name != "reasoning"}),
        (
            Adjustment(without=frozenset({"text.verbosity"})),
            BODY | {"text": {"format": {"type": "text"}}},
        ),
        (
            Adjustment(without=DISPENSABLE),
            {"model": "gpt-5", "input": [], "text": {"format": {"type": "text"}}},
        ),
    ],
)
def test_a_copy_of_the_request_is_changed(adjustment: Adjustment, body: dict[str, Any]) -> None:
    assert adjusted(BODY, adjustment) == body
    assert BODY["reasoning"] == {"effort": "low"}


def test_what_a_request_does_not_have_need_not_be_left_out() -> None:
    assert adjusted({"model": "m"}, Adjustment(without=DISPENSABLE)) == {"model": "m"}


PHOTO = [
    {"type": "input_text", "text": "[photo] ¿Cuánto?"},
    {"type": "input_image", "image_url": "data:image/jpeg;base64,AA==", "detail": "low"},
]
SEEN: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": PHOTO}]}
READ: dict[str, Any] = {"model": "m", "input": [{"role": "user", "content": "[photo] ¿Cuánto?"}]}
WORDS_ONLY = Adjustment(without=frozenset({FILES}))


@pytest.mark.parametrize(
    ("before", "body", "failure", "after"),
    [
        (NONE, SEEN, ModelFailure("http_400"), WORDS_ONLY),
        (NONE, SEEN, ModelFailure("http_413"), WORDS_ONLY),
        (NONE, SEEN, refused("invalid_value", "input"), WORDS_ONLY),
        (
            NONE,
            SEEN,
            ModelFailure("failed:image_parse_error", code="image_parse_error"),
            WORDS_ONLY,
        ),
        (WORDS_ONLY, SEEN, ModelFailure("http_400"), None),
        (NONE, READ, ModelFailure("http_400"), None),
        (NONE, SEEN, ModelFailure("http_401", "account"), None),
        (NONE, SEEN, ModelFailure("http_429", "rate_limit"), None),
        (NONE, SEEN, ModelFailure("refusal"), None),
    ],
)
def test_files_that_are_refused_are_left_out_once(
    before: Adjustment, body: dict[str, Any], failure: ModelFailure, after: Adjustment | None
) -> None:
    assert words_only(before, body, failure) == after


def test_the_words_stay_and_say_what_is_missing() -> None:
    body = adjusted(SEEN, WORDS_ONLY)
    assert body["input"] == [{"role": "user", "content": "[photo] [could not be opened] ¿Cuánto?"}]
    assert adjusted(READ, WORDS_ONLY) == READ
    assert SEEN["input"][0]["content"] == PHOTO


def test_other_requests_may_have_files_and_history() -> None:
    tried = Adjustment("other", frozenset({FILES, "top_p"}), 2)
    assert lasting(tried) == Adjustment("other", frozenset({"top_p"}))
