"""Builds the Response object from response.json: every key that the Open Responses specification
requires, with what it holds until more is known."""

import os
from pathlib import Path
from typing import Any

import orjson

from devkit.emulators.openai.answer import Answer
from devkit.emulators.openai.usage import REASONING_TOKENS, cut_to_fit, usage_of
from devkit.emulators.openai.validate import Request

EMPTY: dict[str, Any] = orjson.loads(Path(__file__).with_name("response.json").read_bytes())
REPEATED = EMPTY.keys() - {"background", "service_tier"}  # what is given is repeated, but these


def build_response(request: Request, answer: Answer, now: int) -> dict[str, Any]:
    """`now` in seconds. Cut by max_output_tokens (reasoning counts) the response is incomplete,
    with as much text as fitted."""
    reasoning = REASONING_TOKENS.get(request.effort or "none", 0)
    fitted = cut_to_fit(answer, request.max_output_tokens, reasoning)
    cut = fitted is not answer
    status = "incomplete" if cut else "completed"
    return {
        **envelope(request, now),
        "status": status,
        "completed_at": None if cut else now,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output_items(request, fitted, status),
        "usage": usage_of(request, fitted, reasoning),
    }


def envelope(request: Request, now: int) -> dict[str, Any]:
    """All that a response repeats of its request, in progress and still empty."""
    raw = {key: value for key, value in request.raw.items() if value is not None}
    return {
        **EMPTY,
        **{key: raw[key] for key in REPEATED & raw.keys()},
        "id": new_id("resp"),
        "created_at": now,
        "max_output_tokens": request.max_output_tokens,
        "model": request.model,
        "reasoning": {"effort": request.effort, "summary": summary_of(request)},
        "store": request.store,
        "text": text_of(raw.get("text", {})),
        "tool_choice": request.tool_choice,
        "tools": [tool_of(tool) for tool in request.tools],
    }


def summary_of(request: Request) -> str | None:
    summary: str | None = (request.raw.get("reasoning") or {}).get("summary")
    return summary


def text_of(text: dict[str, Any]) -> dict[str, Any]:
    chosen = text.get("format") or {"type": "text"}
    if chosen["type"] == "json_schema":
        chosen = {"description": None, "strict": False, **chosen}
    return {"format": chosen, "verbosity": text.get("verbosity") or "medium"}


def tool_of(tool: dict[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        return tool
    return {"description": None, "parameters": None, "strict": True, **tool}


def output_items(request: Request, answer: Answer, status: str) -> list[dict[str, Any]]:
    items = [reasoning_item(request)] if request.effort not in (None, "none") else []
    if answer.tool_call:
        call = answer.tool_call
        items.append(
            {
                "id": new_id("fc"),
                "type": "function_call",
                "status": "completed",
                "call_id": new_id("call"),
                "name": call.name,
                "arguments": call.arguments,
            }
        )
    elif answer.refusal or answer.text:
        items.append(message_item(content_part(answer), status))
    return items


def reasoning_item(request: Request) -> dict[str, Any]:
    """Encrypted, so that it can be replayed within a tool loop without being stored."""
    read = [{"type": "summary_text", "text": "Read the question."}]
    return {
        "id": new_id("rs"),
        "type": "reasoning",
        "summary": read if summary_of(request) else [],
        "encrypted_content": new_id("gAAAA"),
    }


def content_part(answer: Answer) -> dict[str, Any]:
    if answer.refusal:
        return {"type": "refusal", "refusal": answer.refusal}
    return {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}


def message_item(part: dict[str, Any], status: str) -> dict[str, Any]:
    return {
        "id": new_id("msg"),
        "type": "message",
        "status": status,
        "role": "assistant",
        "phase": "final_answer",
        "content": [part],
    }


def new_id(prefix: str) -> str:
    return f"{prefix}_{os.urandom(24).hex()}"
