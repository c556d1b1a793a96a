"""What is changed in a request that a model refused or had too little room for. Pure.

Models differ in the parameters that they take (reasoning effort, sampling), models are retired,
contexts of compatible servers are short, and strict ones know neither OpenAI's newer parameters nor
its role `developer`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from assistant.openai.response import ModelFailure
from common.description import described, with_description
from common.openai_models import capabilities_of, replacement_of

FEW_TURNS = 2
ROOM = 2  # times max_output_tokens, for a model that only reasoned
NOT_TAKEN = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
DISPENSABLE = frozenset(
    {"reasoning", "reasoning.effort", "text", "text.verbosity", "temperature", "top_p"}
    | {"prompt_cache_key", "safety_identifier", "max_output_tokens", "tools"}
)
FILES = "input.files"  # no parameter of the API: the images and documents of the messages
FILE_PARTS = frozenset({"input_image", "input_file"})
NOT_OPENED = described("could not be opened")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """model: instead of the one asked for. without: parameters left out. history_turns: earlier
    turns at most, None for as many as usual. system_role: instead of `developer`. more_room: for
    the output; less_effort: where there is no more room."""

    model: str | None = None
    without: frozenset[str] = frozenset()
    history_turns: int | None = None
    system_role: bool = False
    more_room: bool = False
    less_effort: bool = False


def next_adjustment(
    adjustment: Adjustment, body: dict[str, Any], failure: ModelFailure, may_replace: bool
) -> Adjustment | None:
    """What else to change after this failure of the adjusted body, each thing once; None when
    nothing helps. may_replace: the models are OpenAI's, and one that is gone has a successor."""
    model = body["model"]
    match failure.code:
        case code if code in NOT_TAKEN and failure.param in DISPENSABLE - adjustment.without:
            return replace(adjustment, without=adjustment.without | {failure.param})
        case "unsupported_role" if not adjustment.system_role:
            return replace(adjustment, system_role=True)
        case "context_length_exceeded" if adjustment.history_turns != 0:
            fewer = FEW_TURNS if adjustment.history_turns is None else 0
            return replace(adjustment, history_turns=fewer)
        case "model_not_found" if may_replace and not adjustment.model:
            successor = replacement_of(model)
            return replace(adjustment, model=successor) if successor != model else None
    if failure.reason == "incomplete:max_output_tokens":
        return with_room(adjustment, body)
    return words_only(adjustment, body, failure)


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


def with_room(adjustment: Adjustment, body: dict[str, Any]) -> Adjustment | None:
    """Twice the room, once; where the model has no more, less effort."""
    if adjustment.more_room or adjustment.less_effort:
        return None
    if "max_output_tokens" in body and room_for(body) > body["max_output_tokens"]:
        return replace(adjustment, more_room=True)
    return replace(adjustment, less_effort=True) if "reasoning" in body else None


def room_for(body: dict[str, Any]) -> int:
    """Tokens."""
    known = capabilities_of(body["model"])
    asked: int = ROOM * body["max_output_tokens"]
    return min(asked, known.max_output) if known and known.max_output else asked


def adjusted(body: dict[str, Any], adjustment: Adjustment) -> dict[str, Any]:
    """A changed copy. The history is not shortened here: the body was made with so much of it."""
    result = dict(body)
    if adjustment.model:  # a model that does not reason is replaced by one that does
        effort = {"effort": lowest_effort(adjustment.model)}
        result = {"reasoning": effort} | result | {"model": adjustment.model}
    if adjustment.more_room and "max_output_tokens" in result:
        result["max_output_tokens"] = room_for(result)
    if adjustment.less_effort:
        result["reasoning"] = {"effort": lowest_effort(result["model"])}
    if adjustment.system_role:
        result["input"] = [in_system_role(item) for item in result["input"]]
    if FILES in adjustment.without:
        result["input"] = [without_files(item) for item in result["input"]]
    for param in adjustment.without - {FILES}:
        leave_out(result, param)
    return result


def lowest_effort(model: str) -> str:
    known = capabilities_of(model)
    return known.efforts[0] if known and known.efforts else "low"


def in_system_role(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"role": "system"} if item.get("role") == "developer" else item


def leave_out(body: dict[str, Any], param: str) -> None:
    name, _, inner = param.partition(".")
    value = body.pop(name, None)
    if inner and value and (rest := {key: value[key] for key in value if key != inner}):
        body[name] = rest
