"""Validation of `tools` and `tool_choice`. Function tools are flat in the Responses API."""

import re
from typing import Any

from openai.types.responses.tool_param import ToolParam

from devkit.emulators.openai.refusals import Refused, wrong_value
from devkit.emulators.openai.shapes import (
    an_array,
    an_object,
    check_by_type,
    require,
    shapes_by_type,
)

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TOOLS = shapes_by_type(ToolParam, optional={"parameters", "strict"})


def check_tools(param: str, tools: Any) -> None:
    an_array(param, tools)
    for index, tool in enumerate(tools):
        check_by_type(f"{param}[{index}]", tool, TOOLS)
        if tool["type"] == "function":
            check_function(f"{param}[{index}]", tool)


def check_function(param: str, tool: dict[str, Any]) -> None:
    check_name(f"{param}.name", tool["name"])
    if tool.get("strict"):
        check_strict_schema(f"{param}.parameters", tool["name"], tool.get("parameters") or {})


def check_name(param: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise Refused("function_name", param)


def check_strict_schema(param: str, name: str, schema: dict[str, Any]) -> None:
    """Strict schemas forbid further properties and require all, at every level."""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            why = "'additionalProperties' is required to be supplied and to be false"
            raise Refused("strict_schema", param, name=name, why=why)
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            why = "'required' must name every key in properties"
            raise Refused("strict_schema", param, name=name, why=why)
    for inner in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(inner, dict):
            check_strict_schema(param, name, inner)


def check_choice(choice: Any, tools: list[dict[str, Any]]) -> None:
    if choice in ("auto", "none"):
        return
    if choice == "required":
        if not tools:
            raise bad_choice("'required' is only allowed when 'tools' are specified")
        return
    if isinstance(choice, str):
        raise wrong_value("tool_choice", choice, ("none", "auto", "required"))
    an_object("tool_choice", choice)
    require("tool_choice", choice, "type")
    if choice["type"] == "function":
        require("tool_choice", choice, "name")
        if choice["name"] not in {tool.get("name") for tool in tools}:
            raise bad_choice(f"'{choice['name']}' not found in 'tools' parameter")


def bad_choice(why: str) -> Refused:
    return Refused("tool_choice", "tool_choice", why=why)
