"""What the emulator refuses, each as openai.md says the real API does."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from devkit.emulators.openai import refusals
from devkit.emulators.openai.models import CATALOGUE
from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.request_rules import check_request_rules
from devkit.emulators.openai.validate import Request, parse_request

TODAY = date(2026, 11, 25)
ABSENT = object()
CALL = {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}
TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
SCHEMA = {"type": "json_schema", "name": "answer", "schema": {"type": "object"}}


def a_request(**changes: Any) -> dict[str, Any]:
    request = {
        "model": "gpt-6-luna",
        "store": False,
        "instructions": "Eres el asistente de La Trattoria.",
        "input": "hola",
        "safety_identifier": "a" * 64,
        **changes,
    }
    return {key: value for key, value in request.items() if value is not ABSENT}


def parsed(today: date = TODAY, **changes: Any) -> Request:
    return parse_request(orjson.dumps(a_request(**changes)), CATALOGUE, today)


REFUSED: list[tuple[dict[str, Any], str | None, str | None]] = [
    ({"model": ABSENT}, "model", "missing_required_parameter"),
    ({"input": ABSENT}, "input", "missing_required_parameter"),
    ({"input": []}, "input", "missing_required_parameter"),
    ({"temprature": 1}, "temprature", "unknown_parameter"),
    ({"max_tokens": 100}, "max_tokens", "unknown_parameter"),
    ({"messages": []}, "messages", "unknown_parameter"),
    ({"response_format": {}}, "response_format", "unknown_parameter"),
    ({"store": "false"}, "store", "invalid_type"),
    ({"tools": None}, "tools", "invalid_type"),
    ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
    ({"max_output_tokens": True}, "max_output_tokens", "invalid_type"),
    ({"temperature": 0.2}, "temperature", None),
    ({"top_p": 0.9}, "top_p", None),
    ({"reasoning": {"effort": "low"}, "temperature": 0.2}, "temperature", None),
    (
        {"reasoning": {"effort": "none"}, "temperature": 9},
        "temperature",
        "decimal_above_max_value",
    ),
    ({"reasoning": {"effort": "lots"}}, "reasoning.effort", "invalid_value"),
    ({"reasoning": {"effort": "minimal"}}, "reasoning.effort", "unsupported_value"),
    (
        {"model": "gpt-6.1-sol", "reasoning": {"effort": "none"}},
        "reasoning.effort",
        "unsupported_value",
    ),
    ({"model": "gpt-4o", "reasoning": {"effort": "low"}}, "reasoning.effort", None),
    ({"reasoning": {"budget": 1}}, "reasoning.budget", "unknown_parameter"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "object_above_max_properties"),
    ({"metadata": {"k" * 65: ""}}, "metadata", "string_above_max_length"),
    ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
    ({"safety_identifier": "x" * 129}, "safety_identifier", "string_above_max_length"),
    (
        {"conversation": "conv_1", "previous_response_id": "resp_1"},
        "previous_response_id",
        "mutually_exclusive_parameters",
    ),
    ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
    ({"input": [CALL]}, "input", None),
    ({"input": [OUTPUT]}, "input", None),
    ({"input": [OUTPUT, CALL]}, "input", None),
    ({"input": [{"role": "user", "content": "a", "id": "msg_1"}]}, "input[0]", None),
    ({"input": [{"type": "reasoning", "summary": []}]}, "input[0]", None),
    ({"input": [{"role": "bot", "content": "a"}]}, "input[0].role", "invalid_value"),
    ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
    (
        {"input": [{"role": "user", "content": "", "name": "x"}]},
        "input[0].name",
        "unknown_parameter",
    ),
    (
        {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}]},
        "input[0].content[0]",
        "invalid_value",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_audio", "data": "a"}]}]},
        "input[0].content[0]",
        "invalid_value",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "look_up"}}]},
        "tools[0].name",
        "missing_required_parameter",
    ),
    ({"tools": [TOOL | {"name": "look up"}]}, "tools[0].name", "invalid_value"),
    ({"tools": [TOOL | {"strict": True}]}, "tools[0].parameters", "invalid_function_parameters"),
    (
        {"tools": [{"type": "file_search"}]},
        "tools[0].vector_store_ids",
        "missing_required_parameter",
    ),
    ({"tool_choice": "required"}, "tool_choice", None),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice", None),
    (
        {"text": {"format": {"type": "json_schema", "json_schema": SCHEMA}}},
        "text.format.name",
        "missing_required_parameter",
    ),
    (
        {"text": {"format": SCHEMA | {"json_schema": {}}}},
        "text.format.json_schema",
        "unknown_parameter",
    ),
    ({"text": {"format": {"type": "json_object"}}}, "input", None),
    ({"text": {"verbosity": "chatty"}}, "text.verbosity", "invalid_value"),
]


@pytest.mark.parametrize(("changes", "param", "code"), REFUSED)
def test_refuses_with_400(changes: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(Refused) as refused:
        parsed(**changes)
    assert refused.value.status == 400
    assert refused.value.error["param"] == param
    assert refused.value.error["code"] == code
    assert refused.value.error["type"] == "invalid_request_error"


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"reasoning": {"effort": "none"}, "temperature": 0.2, "top_p": 1},
    {"model": "gpt-4o-mini", "temperature": 0.2},
    {"temperature": None, "reasoning": None, "metadata": None},
    {"input": [CALL, OUTPUT]},
    {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "e"}, CALL, OUTPUT]},
    {"store": True, "input": [{"role": "user", "content": "a", "id": "msg_1"}]},
    {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look_up"}},
    {"text": {"format": SCHEMA, "verbosity": "low"}},
    {"text": {"format": {"type": "json_object"}}, "input": "as json"},
    {"max_output_tokens": 16, "metadata": {"k" * 64: "v" * 512}},
]


@pytest.mark.parametrize("changes", ACCEPTED)
def test_accepts_what_the_real_api_accepts(changes: dict[str, Any]) -> None:
    assert parsed(**changes).raw == a_request(**changes)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_request(body, CATALOGUE, TODAY)
    assert refused.value.status == 400


@pytest.mark.parametrize("model", ["gpt-7", "gpt-4", "o4-mini", "gpt-3.5-turbo", "whisper-1"])
def test_unknown_and_retired_models_are_not_found(model: str) -> None:
    with pytest.raises(Refused) as refused:
        parsed(model=model)
    assert (refused.value.status, refused.value.error["code"]) == (404, "model_not_found")


def test_a_model_is_served_until_the_day_it_is_shut_down() -> None:
    assert parsed(date(2026, 12, 10), model="gpt-5-mini").model == "gpt-5-mini"
    with pytest.raises(Refused):
        parsed(date(2026, 12, 11), model="gpt-5-mini")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"store": ABSENT}, "store"),
        ({"store": True}, "store"),
        ({"instructions": ABSENT}, "instructions"),
        ({"instructions": "  "}, "instructions"),
        ({"safety_identifier": ABSENT}, "safety_identifier"),
        ({"safety_identifier": "34600111222"}, "safety_identifier"),
    ],
)
def test_request_rules_refuse_what_the_api_would_take(changes: dict[str, Any], param: str) -> None:
    request = parsed(**changes)
    with pytest.raises(Refused) as refused:
        check_request_rules(request)
    assert (refused.value.error["param"], refused.value.error["code"]) == (param, "house_rule")


def test_every_refusal_has_its_words_and_every_word_its_refusal() -> None:
    sources = Path(refusals.__file__).parent.glob("*.py")
    used = [re.findall(r'\bRefused\("(\w+)"', source.read_text()) for source in sources]
    assert {why for found in used for why in found} == refusals.WORDS.keys()
