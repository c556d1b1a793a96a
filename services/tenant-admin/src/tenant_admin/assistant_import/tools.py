"""Tools and response formats of an export, in the flat form of the Responses API.

They are kept with the version as a record; the assistant service does not run them.
"""

from collections.abc import Callable, Mapping
from typing import Any

Json = Mapping[str, Any]
Warn = Callable[[str, str], None]


def tools_of(data: Json, warn: Warn) -> tuple[dict[str, Any], ...]:
    tools = data.get("tools")
    given = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    if given:
        kinds = ", ".join(sorted({str(tool.get("type")) for tool in given}))
        warn("tools", f"{kinds}: kept with the version, not run")
    return tuple(flat_tool(tool, resources_of(data), warn) for tool in given)


def flat_tool(tool: Json, resources: Json, warn: Warn) -> dict[str, Any]:
    kind = tool.get("type")
    if kind == "function" and isinstance(tool.get("function"), dict):
        # Responses makes functions strict by default, Assistants did not.
        function = tool["function"]
        return {"type": "function", **function, "strict": bool(function.get("strict"))}
    if kind == "file_search":
        return file_search(tool, resources, warn)
    if kind == "code_interpreter" and "container" not in tool:
        files = ids_in(resources.get("code_interpreter"), "file_ids")
        return {"type": kind, "container": {"type": "auto", "file_ids": files}}
    return dict(tool)


def file_search(tool: Json, resources: Json, warn: Warn) -> dict[str, Any]:
    options = tool.get("file_search") if isinstance(tool.get("file_search"), dict) else {}
    stores = ids_in(resources.get("file_search"), "vector_store_ids")
    stores = stores or ids_in(tool, "vector_store_ids")
    if not stores:
        warn("tools", "file_search names no vector store")
    flat = {"type": "file_search", "vector_store_ids": stores, **(options or {})}
    ranking = flat.get("ranking_options")
    if isinstance(ranking, dict) and ranking.get("ranker") == "default_2024_08_21":
        flat["ranking_options"] = {**ranking, "ranker": "auto"}
    return flat


def response_format_of(data: Json, warn: Warn) -> dict[str, Any] | None:
    """json_schema is un-nested; text and auto are the default."""
    text = data.get("text")
    response_format = data.get("response_format") or (
        text.get("format") if isinstance(text, dict) else None
    )
    if not isinstance(response_format, dict) or response_format.get("type") in (None, "text"):
        return None
    warn("response_format", "kept with the version, not sent: people read the answers")
    nested = response_format.get("json_schema")
    if isinstance(nested, dict):
        return {"type": response_format["type"], **nested}
    return dict(response_format)


def resources_of(data: Json) -> Json:
    resources = data.get("tool_resources")
    return resources if isinstance(resources, dict) else {}


def ids_in(value: Any, key: str) -> list[str]:
    ids = value.get(key) if isinstance(value, dict) else None
    return [each for each in ids if isinstance(each, str)] if isinstance(ids, list) else []
