"""Validation of `text`: a flat output format and verbosity."""

from typing import Any

import orjson
from openai.types.responses.response_format_text_config_param import ResponseFormatTextConfigParam
from openai.types.responses.response_text_config_param import ResponseTextConfigParam

from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.shapes import Shape, check_by_type, shapes_by_type
from devkit.emulators.openai.tools import check_name, check_strict_schema

FORMATS = shapes_by_type(ResponseFormatTextConfigParam)
TEXT = Shape(ResponseTextConfigParam)


def check_text(param: str, value: Any) -> None:
    """The format first: its own check names what is wrong, a union of types does not."""
    if isinstance(value, dict) and "format" in value:
        check_format(f"{param}.format", value["format"])
    TEXT(param, value)


def check_format(param: str, value: Any) -> None:
    check_by_type(param, value, FORMATS)
    if value["type"] == "json_schema":
        check_name(f"{param}.name", value["name"])
        if value.get("strict"):
            check_strict_schema(f"{param}.schema", value["name"], value["schema"])


def output_format(raw: dict[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = raw.get("text", {}).get("format") or {"type": "text"}
    return chosen


def check_format_against_input(raw: dict[str, Any], items: list[dict[str, Any]]) -> None:
    if output_format(raw)["type"] != "json_object":
        return
    if b"json" not in orjson.dumps([raw.get("instructions"), items]).lower():
        raise Refused("no_json_word", "input")
