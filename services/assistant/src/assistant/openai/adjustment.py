"""What is changed in a request that a model refused, so that it takes it. Pure.

Models differ in the parameters that they take (reasoning effort, sampling), models are retired, and
contexts of compatible servers are short.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from assistant.openai.response import ModelFailure
from common.description import described, with_description
from common.openai_models import replacement_of

FEW_TURNS = 2
NOT_TAKEN = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
DISPENSABLE = frozenset(
    {"reasoning.effort", "text.verbosity", "temperature", "top_p"}
    | {"prompt_cache_key", "safety_identifier", "max_output_tokens"}
)
FILES = "input.files"  # no parameter of the API: the images and documents of the messages
FILE_PARTS = frozenset({"input_image", "input_file"})
NOT_OPENED = described("could not be opened")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """model: instead of the one asked for. without: parameters left out. history_turns: earlier
    turns at most, None for as many as usual."""

    model: str | None = None
    without: frozenset[str] = frozenset()
    history_turns: int | None = None


def next_adjustment(adjustment: Adjustment, model: str, failure: ModelFailure) -> Adjustment | None:
    """What else to change after this failure, each thing once; None when nothing helps."""
    match failure.code:
        case code if code in NOT_TAKEN and failure.param in DISPENSABLE - adjustment.without:
            return replace(adjustment, without=adjustment.without | {failure.param})
        case "context_length_exceeded" if adjustment.history_turns != 0:
            fewer = FEW_TURNS if adjustment.history_turns is None else 0
            return replace(adjustment, history_turns=fewer)
        case "model_not_found" if not adjustment.model and replacement_of(model) != model:
            return replace(adjustment, model=replacement_of(model))
    return None


def words_only(
    adjustment: Adjustment, body: dict[str, Any], failure: ModelFailure
) -> Adjustment | None:
    """Without files, once, where a request with files was refused: they may be broken, or the model
    may take none."""
    if FILES in adjustment.without or not may_be_about_files(failure) or not any(files_of(body)):
        return None
    return replace(adjustment, without=adjustment.without | {FILES})


def may_be_about_files(failure: ModelFailure) -> bool:
    """Servers word it in many ways; a `failed` response has a code such as image_parse_error."""
    is_named = any(word in (failure.code or "") for word in ("image", "file"))
    return failure.kind == "final" and (failure.reason.startswith("http_4") or is_named)


def files_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in body["input"]:
        if isinstance(item["content"], list):
            yield from (part for part in item["content"] if part["type"] in FILE_PARTS)


def without_files(item: dict[str, Any]) -> dict[str, Any]:
    """Its words, which describe the files, as one text."""
    if not isinstance(item["content"], list):
        return item
    written = [part["text"] for part in item["content"] if part["type"] == "input_text"]
    return item | {"content": with_description("\n".join(written), NOT_OPENED)}


def lasting(adjustment: Adjustment) -> Adjustment:
    """What suits the model's other requests too."""
    return replace(adjustment, history_turns=None, without=adjustment.without - {FILES})


def adjusted(body: dict[str, Any], adjustment: Adjustment) -> dict[str, Any]:
    """A changed copy. The history is not shortened here: the body was made with so much of it."""
    result = body | ({"model": adjustment.model} if adjustment.model else {})
    if FILES in adjustment.without:
        result["input"] = [without_files(item) for item in body["input"]]
    for param in adjustment.without - {FILES}:
        name, _, inner = param.partition(".")
        value = result.pop(name, None)
        if inner and value and (rest := {key: value[key] for key in value if key != inner}):
            result[name] = rest
    return result
