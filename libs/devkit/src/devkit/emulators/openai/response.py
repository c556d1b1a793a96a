"""Builds the Response object: every key that the Open Responses specification requires."""

import os
from typing import Any

from devkit.emulators.openai.answer import Answer
from devkit.emulators.openai.usage import REASONING_TOKENS, cut_to_fit, usage_of
from devkit.emulators.openai.validate import Request


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
    raw = request.raw
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": now,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": raw.get("instructions"),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": raw.get("max_tool_calls"),
        "model": request.model,
        "output": [],
        "parallel_tool_calls": or_default(raw.get("parallel_tool_calls"), True),
        "previous_response_id": None,
        "prompt_cache_key": raw.get("prompt_cache_key"),
        "reasoning": reasoning_of(request),
        "safety_identifier": raw.get("safety_identifier"),
        "service_tier": "default",
        "store": request.store,
        "temperature": or_default(raw.get("temperature"), 1.0),
        "text": text_of(raw.get("text") or {}),
        "tool_choice": request.tool_choice,
        "tools": [tool_of(tool) for tool in request.tools],
        "top_logprobs": raw.get("top_logprobs") or 0,
        "top_p": or_default(raw.get("top_p"), 1.0),
        "truncation": raw.get("truncation") or "disabled",
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "usage": None,
        "user": raw.get("user"),
        "metadata": raw.get("metadata") or {},
    }


def or_default(value: Any, default: Any) -> Any:
    return default if value is None else value


def reasoning_of(request: Request) -> dict[str, Any]:
    summary = (request.raw.get("reasoning") or {}).get("summary")
    return {"effort": request.effort, "summary": summary}


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
    summary = (request.raw.get("reasoning") or {}).get("summary")
    return {
        "id": new_id("rs"),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "Read the question."}] if summary else [],
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
