"""Validation of `input`: item shapes, content parts by role, ids, and pairing of tool calls."""

from typing import Any

from devkit.openai.checks import (
    Check,
    an_array,
    an_object,
    nothing,
    nullable,
    one_of,
    string,
)
from devkit.openai.refusals import Refused, missing, unknown, wrong_type, wrong_value

Item = dict[str, Any]
ROLES = ("user", "assistant", "system", "developer")
STATUS = nullable(one_of("in_progress", "completed", "incomplete"))
COMMON: dict[str, Check] = {"type": string, "id": nullable(string), "status": STATUS}
MESSAGE: dict[str, Check] = COMMON | {"role": one_of(*ROLES), "content": nothing}
ITEMS: dict[str, tuple[tuple[str, ...], dict[str, Check]]] = {
    "message": (
        ("role", "content"),
        MESSAGE | {"phase": nullable(one_of("commentary", "final_answer"))},
    ),
    "function_call": (
        ("call_id", "name", "arguments"),
        COMMON
        | dict.fromkeys(("call_id", "name", "arguments"), string)
        | {"namespace": nullable(string), "caller": nullable(an_object)},
    ),
    "function_call_output": (
        ("call_id", "output"),
        COMMON | {"call_id": string, "output": nothing, "caller": nullable(an_object)},
    ),
    "reasoning": (
        ("summary",),
        COMMON
        | {
            "summary": an_array,
            "content": nullable(an_array),
            "encrypted_content": nullable(string),
        },
    ),
    "item_reference": (("id",), {"type": nullable(string), "id": string}),
}
UNCHECKED = frozenset(
    {
        "compaction",
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "custom_tool_call",
        "custom_tool_call_output",
        "computer_call",
        "computer_call_output",
    }
)
PARTS_OUT: dict[str, dict[str, Check]] = {
    "output_text": {
        "text": string,
        "annotations": nullable(an_array),
        "logprobs": nullable(an_array),
    },
    "refusal": {"refusal": string},
}
DETAIL = nullable(one_of("auto", "low", "high", "original"))
PARTS_IN: dict[str, dict[str, Check]] = {
    "input_text": {"text": string, "prompt_cache_breakpoint": nothing},
    "input_image": {"image_url": nullable(string), "file_id": nullable(string), "detail": DETAIL},
    "input_file": {
        "filename": nullable(string),
        "file_data": nullable(string),
        "file_id": nullable(string),
        "file_url": nullable(string),
        "detail": DETAIL,
    },
}
NEEDED = {"input_text": "text", "output_text": "text", "refusal": "refusal"}


def check_input(value: Any, *, store: bool) -> list[Item]:
    """The items of `input`; a string is one user message."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    if not isinstance(value, list):
        raise wrong_type("input", "one of a string or an array of input items", value)
    if not value:
        raise missing("input")
    for index, item in enumerate(value):
        check_item(f"input[{index}]", item)
    check_ids(value, store=store)
    check_pairing(value)
    return value


def check_item(param: str, item: Any) -> None:
    an_object(param, item)
    kind = item.get("type") or ("message" if "role" in item else "")
    if kind in UNCHECKED:
        return
    if kind not in ITEMS:
        raise wrong_value(f"{param}.type", kind, (*ITEMS, *sorted(UNCHECKED)))
    required, known = ITEMS[kind]
    check_keys(param, item, required, known)
    if kind == "message":
        check_content(f"{param}.content", item["content"], item["role"])


def check_keys(param: str, value: Item, required: tuple[str, ...], known: dict[str, Check]) -> None:
    for key in required:
        if key not in value:
            raise missing(f"{param}.{key}")
    for key, inner in value.items():
        check = known.get(key)
        if check is None:
            raise unknown(f"{param}.{key}")
        check(f"{param}.{key}", inner)


def check_content(param: str, content: Any, role: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_type(param, "one of an array of objects or string", content)
    allowed = PARTS_OUT if role == "assistant" else PARTS_IN
    for index, part in enumerate(content):
        check_part(f"{param}[{index}]", part, allowed)


def check_part(param: str, part: Any, allowed: dict[str, dict[str, Check]]) -> None:
    an_object(param, part)
    kind = part.get("type")
    if kind not in allowed:
        raise wrong_value(param, kind, tuple(allowed))
    needed = (NEEDED[kind],) if kind in NEEDED else ()
    check_keys(param, part, needed, {"type": string} | allowed[kind])
    if kind == "input_image":
        check_image(param, part)


def check_image(param: str, part: Item) -> None:
    url = part.get("image_url")
    if url is None and part.get("file_id") is None:
        raise missing(f"{param}.image_url")
    if url is not None and not url.startswith(("data:image/", "https://", "http://")):
        raise Refused(
            f"Invalid '{param}.image_url'. Expected a valid URL or a base64-encoded data URL.",
            param=f"{param}.image_url",
            code="invalid_image_url",
        )


def check_ids(items: list[Item], *, store: bool) -> None:
    """With store=false nothing was kept, so an id points nowhere; see the LangChain and opencode
    reports on 'Items are not persisted when `store` is set to false'."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        found = item.get("id")
        if not store and (found or reasoning_is_lost(item)):
            raise not_persisted(found, f"input[{index}]")
        if found in seen:
            raise Refused(f"Duplicate item found with id {found}.", param="input")
        if found:
            seen.add(found)


def reasoning_is_lost(item: Item) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content")


def not_persisted(found: str | None, param: str) -> Refused:
    return Refused(
        f"Item with id '{found}' not found. Items are not persisted when `store` is set to false. "
        "Try again with `store` set to true, or remove this item from your input.",
        param=param,
    )


def check_pairing(items: list[Item]) -> None:
    open_calls: set[str] = set()
    known_calls: set[str] = set()
    for item in items:
        kind = item.get("type")
        if kind == "function_call":
            open_calls.add(item["call_id"])
            known_calls.add(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in known_calls:
                raise unpaired("call found for function call output with call_id", item["call_id"])
            open_calls.discard(item["call_id"])
    for call_id in sorted(open_calls):
        raise unpaired("output found for function call", call_id)


def unpaired(what: str, call_id: str) -> Refused:
    return Refused(f"No tool {what} {call_id}.", param="input")
