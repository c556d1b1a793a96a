"""Validation of `input`: item shapes, content parts by role, ids, and pairing of tool calls."""

from typing import Any, Literal, Required

from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_input_item_param import (
    ItemReference,
    ResponseInputItemParam,
)
from openai.types.responses.response_output_message_param import Content
from typing_extensions import TypedDict

from devkit.emulators.openai.files import check_file, check_image
from devkit.emulators.openai.refusals import Refused, missing, wrong_type, wrong_value
from devkit.emulators.openai.shapes import Shape, a_string, an_object, require, shapes_by_type

Item = dict[str, Any]


class Message(TypedDict, total=False):
    """One for the three message types of openai-python, which tell apart by the content's parts."""

    type: str
    id: str | None
    status: Literal["in_progress", "completed", "incomplete"] | None
    phase: Literal["commentary", "final_answer"] | None
    role: Required[Literal["user", "assistant", "system", "developer"]]
    content: Required[Any]


ITEMS = {
    **shapes_by_type(
        ResponseInputItemParam, optional={"id", "status", "content", "namespace", "caller"}
    ),
    "message": Shape(Message),
    "item_reference": Shape(ItemReference),
}
PARTS_OUT = shapes_by_type(Content, optional={"annotations", "logprobs"})
PARTS_IN = shapes_by_type(
    ResponseInputContentParam, optional={"detail", "filename", "file_data", "file_url"}
)


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
    shape = ITEMS.get(str(kind))
    if shape is None:
        raise wrong_value(f"{param}.type", kind, tuple(ITEMS))
    shape(param, item)
    if kind == "function_call_output":  # the types let its call_id be absent, the API does not
        require(param, item, "call_id")
        a_string(f"{param}.call_id", item["call_id"])
    if kind == "message":
        check_content(f"{param}.content", item["content"], item["role"])


def check_content(param: str, content: Any, role: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_type(param, "one of an array of objects or string", content)
    allowed = PARTS_OUT if role == "assistant" else PARTS_IN
    for index, part in enumerate(content):
        check_part(f"{param}[{index}]", part, allowed)


def check_part(param: str, part: Any, allowed: dict[str, Shape]) -> None:
    an_object(param, part)
    kind = part.get("type")
    if kind not in allowed:
        raise wrong_value(param, kind, tuple(allowed))
    allowed[kind](param, part)
    if kind == "input_image":
        check_image(param, part)
    if kind == "input_file":
        check_file(param, part)


def check_ids(items: list[Item], *, store: bool) -> None:
    """With store=false nothing was kept, so an id points nowhere; see the LangChain and opencode
    reports on 'Items are not persisted when `store` is set to false'."""
    seen: set[str] = set()
    for index, item in enumerate(items):
        item_id = item.get("id")
        if not store and (item_id or reasoning_is_lost(item)):
            raise Refused("not_persisted", f"input[{index}]", item_id=item_id)
        if item_id in seen:
            raise Refused("duplicate_item", "input", item_id=item_id)
        if item_id:
            seen.add(item_id)


def reasoning_is_lost(item: Item) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content")


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
                raise Refused("no_call", "input", call_id=item["call_id"])
            open_calls.discard(item["call_id"])
    for call_id in sorted(open_calls):
        raise Refused("no_output", "input", call_id=call_id)
