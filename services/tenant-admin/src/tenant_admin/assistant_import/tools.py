"""Tools and response formats of an export, in the flat form of the Responses API.

They are kept with the version as a record; the assistant service does not run them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from common.lenient_json import at, list_at, object_at, objects_at

Json = Mapping[str, Any]
Warn = Callable[[str, str], None]


def tools_of(data: Json, warn: Warn) -> tuple[dict[str, Any], ...]:
    tools = objects_at(data, "tools")
    if tools:
        kinds = ", ".join(sorted({str(tool.get("type")) for tool in tools}))
        warn("tools", f"{kinds}: kept with the version, not run")
    resources = object_at(data, "tool_resources")
    return tuple(flat_tool(tool, resources, warn) for tool in tools)


def flat_tool(tool: Json, resources: Json, warn: Warn) -> dict[str, Any]:
    kind = tool.get("type")
    if kind == "function" and isinstance(tool.get("function"), dict):
        # Responses makes functions strict by default, Assistants did not.
        function = tool["function"]
        return {"type": "function", **function, "strict": bool(function.get("strict"))}
    if kind == "file_search":
        return file_search(tool, resources, warn)
    if kind == "code_interpreter" and "container" not in tool:
        files = texts_at(resources, "code_interpreter", "file_ids")
        return {"type": kind, "container": {"type": "auto", "file_ids": files}}
    return dict(tool)


def file_search(tool: Json, resources: Json, warn: Warn) -> dict[str, Any]:
    stores = texts_at(resources, "file_search", "vector_store_ids")
    stores = stores or texts_at(tool, "vector_store_ids")
    if not stores:
        warn("tools", "file_search names no vector store")
    options = object_at(tool, "file_search")
    flat = {"type": "file_search", "vector_store_ids": stores, **options}
    if at(flat, "ranking_options", "ranker") == "default_2024_08_21":
        flat["ranking_options"] = {**flat["ranking_options"], "ranker": "auto"}
    return flat


def response_format_of(data: Json, warn: Warn) -> dict[str, Any] | None:
    """json_schema is un-nested; text and auto are the default."""
    response_format = data.get("response_format") or at(data, "text", "format")
    if not isinstance(response_format, dict) or response_format.get("type") in (None, "text"):
        return None
    warn("response_format", "kept with the version, not sent: people read the answers")
    nested = response_format.get("json_schema")
    if isinstance(nested, dict):
        return {"type": response_format["type"], **nested}
    return dict(response_format)


def texts_at(holder: Any, *path: str) -> list[str]:
    return [text for text in list_at(holder, *path) if isinstance(text, str)]
