"""Validation of `text`: a flat output format and verbosity."""

from typing import Any

import orjson

from devkit.emulators.openai.checks import (
    Check,
    an_object,
    boolean,
    nullable,
    one_of,
    require,
    string,
)
from devkit.emulators.openai.refusals import Refused, unknown, wrong_value
from devkit.emulators.openai.tools import check_name, check_strict_schema

VERBOSITY = nullable(one_of("low", "medium", "high"))
PLAIN: dict[str, Check] = {"type": string}
JSON_SCHEMA: dict[str, Check] = {
    "type": string,
    "name": string,
    "schema": an_object,
    "strict": nullable(boolean),
    "description": string,
}
FORMATS = {"text": PLAIN, "json_object": PLAIN, "json_schema": JSON_SCHEMA}


def check_text(param: str, value: Any) -> None:
    an_object(param, value)
    for key, inner in value.items():
        if key == "format":
            check_format(f"{param}.format", inner)
        elif key == "verbosity":
            VERBOSITY(f"{param}.verbosity", inner)
        else:
            raise unknown(f"{param}.{key}")


def check_format(param: str, value: Any) -> None:
    an_object(param, value)
    require(param, value, ("type",))
    known = FORMATS.get(value["type"])
    if known is None:
        raise wrong_value(f"{param}.type", value["type"], tuple(FORMATS))
    if known is JSON_SCHEMA:
        require(param, value, ("name", "schema"))
    for key, inner in value.items():
        if key not in known:
            raise unknown(f"{param}.{key}")
        known[key](f"{param}.{key}", inner)
    if known is JSON_SCHEMA:
        check_name(f"{param}.name", value["name"])
        if value.get("strict"):
            check_strict_schema(f"{param}.schema", value["name"], value["schema"])


def output_format(raw: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = raw.get("text", {}).get("format") or {"type": "text"}
    return found


def check_format_against_input(raw: dict[str, Any], items: list[dict[str, Any]]) -> None:
    if output_format(raw)["type"] != "json_object":
        return
    if b"json" not in orjson.dumps([raw.get("instructions"), items]).lower():
        raise Refused(
            "Response input messages must contain the word 'json' in some form to use "
            "'text.format' of type 'json_object'.",
            param="input",
        )
