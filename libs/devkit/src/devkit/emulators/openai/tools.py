"""Validation of `tools` and `tool_choice`. Function tools are flat in the Responses API."""

import re
from typing import Any

from devkit.emulators.openai.checks import (
    Check,
    an_array,
    an_object,
    boolean,
    nullable,
    require,
    string,
)
from devkit.emulators.openai.refusals import Refused, missing, unknown, wrong_value

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FUNCTION: dict[str, Check] = {
    "type": string,
    "name": string,
    "description": nullable(string),
    "parameters": nullable(an_object),
    "strict": nullable(boolean),
    "defer_loading": boolean,
    "output_schema": nullable(an_object),
    "async": boolean,
}
NEEDED_BY_BUILT_IN: dict[str, tuple[str, ...]] = {
    "file_search": ("vector_store_ids",),
    "web_search": (),
    "mcp": ("server_label",),
    "code_interpreter": ("container",),
    "image_generation": (),
    "custom": ("name",),
    "tool_search": (),
    "shell": (),
    "apply_patch": (),
    "computer": (),
}


def check_tools(param: str, tools: Any) -> None:
    an_array(param, tools)
    for index, tool in enumerate(tools):
        check_tool(f"{param}[{index}]", tool)


def check_tool(param: str, tool: Any) -> None:
    an_object(param, tool)
    require(param, tool, ("type",))
    kind = tool["type"]
    if kind == "function":
        check_function(param, tool)
    elif kind in NEEDED_BY_BUILT_IN:
        require(param, tool, NEEDED_BY_BUILT_IN[kind])
    else:
        raise wrong_value(f"{param}.type", kind, ("function", *NEEDED_BY_BUILT_IN))


def check_function(param: str, tool: dict[str, Any]) -> None:
    if "name" not in tool:
        raise missing(f"{param}.name")
    for key, value in tool.items():
        if key not in FUNCTION:
            raise unknown(f"{param}.{key}")
        FUNCTION[key](f"{param}.{key}", value)
    check_name(f"{param}.name", tool["name"])
    if tool.get("strict"):
        check_strict_schema(f"{param}.parameters", tool["name"], tool.get("parameters") or {})


def check_name(param: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise Refused(
            f"Invalid '{param}': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            param=param,
            code="invalid_value",
        )


def check_strict_schema(param: str, name: str, schema: dict[str, Any]) -> None:
    """Strict schemas forbid further properties and require all, at every level."""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise bad_schema(
                param, name, "'additionalProperties' is required to be supplied and to be false"
            )
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            raise bad_schema(param, name, "'required' must name every key in properties")
    for inner in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(inner, dict):
            check_strict_schema(param, name, inner)


def bad_schema(param: str, name: str, why: str) -> Refused:
    return Refused(
        f"Invalid schema for '{name}': {why}.", param=param, code="invalid_function_parameters"
    )


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
    require("tool_choice", choice, ("type",))
    if choice["type"] == "function":
        require("tool_choice", choice, ("name",))
        if choice["name"] not in {tool.get("name") for tool in tools}:
            raise bad_choice(f"'{choice['name']}' not found in 'tools' parameter")


def bad_choice(why: str) -> Refused:
    return Refused(f"Tool choice {why}.", param="tool_choice")
