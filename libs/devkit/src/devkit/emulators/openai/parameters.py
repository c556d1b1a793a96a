"""Every parameter of a request with its check; from openai-python 3.57,
types/responses/response_create_params.py."""

from typing import Any

from devkit.emulators.openai.checks import (
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
from devkit.emulators.openai.refusals import Refused, too_long
from devkit.emulators.openai.text import check_text
from devkit.emulators.openai.tools import check_tools

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SUMMARY = nullable(one_of("auto", "concise", "detailed"))


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
