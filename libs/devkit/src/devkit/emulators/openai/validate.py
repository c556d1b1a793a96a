"""A request's JSON to a checked Request, or Refused as the real API refuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from devkit.emulators.openai.items import Item, check_input
from devkit.emulators.openai.models import Model, find_model
from devkit.emulators.openai.parameters import PARAMETERS
from devkit.emulators.openai.refusals import Refused, listed, missing, unknown, wrong_type
from devkit.emulators.openai.text import check_format_against_input
from devkit.emulators.openai.tools import check_choice


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
        raise Refused("no_json") from None
    if not isinstance(raw, dict):
        raise wrong_type("body", "an object", raw)
    return raw


def refuse_server_state(raw: dict[str, Any]) -> None:
    """Nothing is stored here, so any id of stored state is one that does not exist."""
    conversation, previous = raw.get("conversation"), raw.get("previous_response_id")
    if conversation is not None and previous is not None:
        raise Refused("two_states", "previous_response_id")
    if previous is not None:
        raise Refused("no_previous", "previous_response_id", value=previous)
    if conversation is not None:
        raise Refused("no_conversation", "conversation")
    if raw.get("prompt") is not None:
        raise Refused("no_prompt", "prompt")


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
    effort = (raw.get("reasoning") or {}).get("effort")
    if effort is not None and not model.efforts:
        raise Refused("unsupported", "reasoning.effort")
    if effort is not None and effort not in model.efforts:
        given = {"value": effort, "model": raw["model"], "supported": listed(model.efforts)}
        raise Refused("unsupported_effort", "reasoning.effort", **given)
    effort = effort or model.default_effort
    if effort not in (None, "none"):
        for param in ("temperature", "top_p", "top_logprobs"):
            if raw.get(param) is not None:
                raise Refused("unsupported", param)
    return effort
