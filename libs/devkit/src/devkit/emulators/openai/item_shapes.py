"""The keys of every input item and content part; from openai-python 3.57,
types/responses/response_input_item_param.py."""

from devkit.emulators.openai.checks import (
    Check,
    an_array,
    an_object,
    nothing,
    nullable,
    one_of,
    string,
)

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
