"""The calls of our tools in a model's response. Pure."""

from typing import Any

from common.lenient_json import objects_at, parse_json, storable


def arguments_of(body: object, tool: str) -> Any:
    """Of the first call of the tool: what its JSON holds, None where that cannot be read (the model
    may have broken it off). NO_CALL without a call."""
    calls = [item for item in objects_at(body, "output") if item.get("type") == "function_call"]
    call = next((item for item in calls if item.get("name") == tool), None)
    if call is None:
        return NO_CALL
    arguments = call.get("arguments")
    return parse_json(storable(arguments).encode()) if isinstance(arguments, str) else None


NO_CALL = object()
