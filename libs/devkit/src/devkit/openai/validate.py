"""A request's JSON to a checked Request, or Refused as the real API refuses.

Parameters and types: openai-python 3.57, types/responses/response_create_params.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from devkit.openai.checks import (
    Check,
    an_array,
    an_object,
    boolean,
    decimal,
    integer,
    nothing,
    nullable,
    one_of,
    shape,
    string,
    string_up_to,
)
from devkit.openai.items import Item, check_input
from devkit.openai.models import Model, find_model
from devkit.openai.refusals import Refused, missing, too_long, unknown, unsupported, wrong_type
from devkit.openai.text import check_format_against_input, check_text
from devkit.openai.tools import check_choice, check_tools

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARY = nullable(one_of("auto", "concise", "detailed"))


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request. `effort` is None for models that do not reason."""

    raw: dict[str, Any]
    model: str
    instructions: str
    items: list[Item]
    tools: list[dict[str, Any]]
    tool_choice: Any
    effort: str | None
    store: bool
    stream: bool
    max_output_tokens: int | None


def check_metadata(param: str, value: Any) -> None:
    an_object(param, value)
    if len(value) > 16:
        raise Refused(
            f"Invalid '{param}': too many properties. Expected an object with at most 16 "
            f"properties, but got an object with {len(value)} properties instead.",
            param=param,
            code="object_above_max_properties",
        )
    for key, inner in value.items():
        if len(key) > 64:
            raise too_long(param, len(key), 64)
        string_up_to(512)(f"{param}.{key}", inner)


def check_background(param: str, value: Any) -> None:
    boolean(param, value)
    if value:
        raise Refused(
            "Background responses are not available here.", param=param, code="unsupported_value"
        )


PARAMETERS: dict[str, Check] = {
    "model": string,
    "input": nothing,  # check_input, once `store` is known
    "instructions": nullable(string),
    "stream": nullable(boolean),
    "store": nullable(boolean),
    "max_output_tokens": nullable(integer(16)),
    "max_tool_calls": nullable(integer(1)),
    "temperature": nullable(decimal(0, 2)),
    "top_p": nullable(decimal(0, 1)),
    "top_logprobs": nullable(integer(0, 20)),
    "metadata": nullable(check_metadata),
    "safety_identifier": nullable(string_up_to(128)),
    "prompt_cache_key": nullable(string_up_to(64)),
    "prompt_cache_options": shape(
        {}, {"mode": one_of("implicit", "explicit"), "ttl": one_of("30m", "12h")}
    ),
    "prompt_cache_retention": nullable(one_of("in_memory", "24h")),
    "reasoning": nullable(
        shape(
            {},
            {
                "effort": nullable(one_of(*EFFORTS)),
                "summary": SUMMARY,
                "generate_summary": SUMMARY,
                "context": nullable(one_of("auto", "current_turn", "all_turns")),
                "mode": nullable(string),
            },
        )
    ),
    "text": check_text,
    "tools": check_tools,
    "tool_choice": nothing,  # check_choice, once `tools` is known
    "parallel_tool_calls": nullable(boolean),
    "truncation": nullable(one_of("auto", "disabled")),
    "include": nullable(an_array),
    "service_tier": nullable(
        one_of("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
    ),
    "user": string,
    "previous_response_id": nullable(string),
    "conversation": nothing,
    "context_management": nullable(an_array),
    "moderation": nullable(an_object),
    "stream_options": nullable(shape({}, {"include_obfuscation": boolean})),
    "background": nullable(check_background),
    "background_options": an_object,
    "prompt": nothing,
    "image": an_object,
    "access_programs": an_object,
}


def parse_request(body: bytes, models: Mapping[str, Model], today: date) -> Request:
    """Every check of the real API that we know of. Raises Refused."""
    raw = parse_object(body)
    if "model" not in raw:
        raise missing("model")
    for param, value in raw.items():
        check = PARAMETERS.get(param)
        if check is None:
            raise unknown(param)
        check(param, value)
    refuse_server_state(raw)
    request = to_request(raw, find_model(models, raw["model"], audio=False, today=today))
    check_choice(request.tool_choice, request.tools)
    check_format_against_input(raw, request.items)
    return request


def parse_object(body: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("We could not parse the JSON body of your request.") from None
    if not isinstance(raw, dict):
        raise wrong_type("body", "an object", raw)
    return raw


def refuse_server_state(raw: dict[str, Any]) -> None:
    """Nothing is stored here, so any id of stored state is one that does not exist."""
    conversation, previous = raw.get("conversation"), raw.get("previous_response_id")
    if conversation is not None and previous is not None:
        raise Refused(
            "Mutually exclusive parameters: 'conversation' and 'previous_response_id'.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    if previous is not None:
        raise Refused(
            f"Previous response with id '{previous}' not found.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    if conversation is not None:
        raise Refused("Conversation not found.", param="conversation", status=404)
    if raw.get("prompt") is not None:
        raise Refused("Prompt not found.", param="prompt", status=404)


def to_request(raw: dict[str, Any], model: Model) -> Request:
    store = raw.get("store") is not False
    if "input" not in raw:
        raise missing("input")
    effort = check_reasoning(raw, model)
    return Request(
        raw=raw,
        model=raw["model"],
        instructions=raw.get("instructions") or "",
        items=check_input(raw["input"], store=store),
        tools=raw.get("tools", []),
        tool_choice=raw.get("tool_choice", "auto"),
        effort=effort,
        store=store,
        stream=bool(raw.get("stream")),
        max_output_tokens=raw.get("max_output_tokens"),
    )


def check_reasoning(raw: dict[str, Any], model: Model) -> str | None:
    """The effective effort. Sampling parameters are refused unless it is none (or absent)."""
    asked = (raw.get("reasoning") or {}).get("effort")
    if asked is not None and not model.efforts:
        raise unsupported("reasoning.effort")
    if asked is not None and asked not in model.efforts:
        listed = ", ".join(f"'{effort}'" for effort in model.efforts)
        raise Refused(
            f"Unsupported value: '{asked}' is not supported with the '{raw['model']}' model. "
            f"Supported values are: {listed}.",
            param="reasoning.effort",
            code="unsupported_value",
        )
    effort = asked or model.default_effort
    if effort not in (None, "none"):
        for param in ("temperature", "top_p", "top_logprobs"):
            if raw.get(param) is not None:
                raise unsupported(param)
    return effort
