"""What is changed in a request that a model refused, so that it takes it. Pure.

Models differ in the parameters that they take (reasoning effort, sampling), models are retired, and
contexts of compatible servers are short.
"""

from dataclasses import dataclass, replace
from typing import Any

from assistant.openai.response import ModelFailure
from common.openai_models import replacement_of

FEW_TURNS = 2
NOT_TAKEN = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
DISPENSABLE = frozenset(
    {"reasoning.effort", "text.verbosity", "temperature", "top_p"}
    | {"prompt_cache_key", "safety_identifier", "max_output_tokens"}
)


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


def adjusted(body: dict[str, Any], adjustment: Adjustment) -> dict[str, Any]:
    """A changed copy. The history is not shortened here: the body was made with so much of it."""
    result = body | ({"model": adjustment.model} if adjustment.model else {})
    for param in adjustment.without:
        name, _, inner = param.partition(".")
        value = result.pop(name, None)
        if inner and value and (rest := {key: value[key] for key in value if key != inner}):
            result[name] = rest
    return result
