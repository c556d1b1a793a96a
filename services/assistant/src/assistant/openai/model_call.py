"""What a call of the model was billed, or will be at most: known from its answer, else estimated.
Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from assistant.openai.response import ModelAnswer, ModelFailure, Usage

CHARACTERS_PER_TOKEN = 3  # English has four, other languages fewer
INLINE_FILE_TOKENS = 1000  # a picture, in low detail


@dataclass(frozen=True, slots=True)
class ModelCall:
    """result: `answered`, or the failure's reason."""

    usage: Usage
    result: str


def billed_call(body: Mapping[str, Any], answer: ModelAnswer | ModelFailure) -> ModelCall | None:
    """None for a call that costs nothing: it was refused, or did not arrive.

    One that ran into its deadline goes on at the server, and nobody tells what it used: only
    background responses can be cancelled.
    """
    result = "answered" if isinstance(answer, ModelAnswer) else answer.reason
    if answer.usage:
        return ModelCall(named(answer.usage, body), result)
    if isinstance(answer, ModelFailure) and answer.kind == "deadline":
        return ModelCall(Usage(body["model"], estimated_input(body)), result)
    return None


def named(usage: Usage, body: Mapping[str, Any]) -> Usage:
    """Some servers do not say which model answered."""
    return usage if usage.model != "unknown" else replace(usage, model=body["model"])


def largest_usage(body: Mapping[str, Any]) -> Usage:
    """What a request may use, estimated upwards."""
    return Usage(
        body["model"],
        input_tokens=estimated_input(body),
        output_tokens=body.get("max_output_tokens", 0),
    )


def estimated_input(body: Mapping[str, Any]) -> int:
    read = [body.get(name) for name in ("instructions", "input", "tools")]
    return tokens_in(read)


def tokens_in(value: Any) -> int:
    """Of all texts in a JSON value. A file in it counts the same whatever its size."""
    match value:
        case str() if value.startswith("data:"):
            return INLINE_FILE_TOKENS
        case str():
            return -(-len(value) // CHARACTERS_PER_TOKEN)
        case list():
            return sum(map(tokens_in, value))
        case dict():
            return sum(map(tokens_in, value.values()))
    return 0
