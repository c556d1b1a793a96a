"""What a model's response means. Pure, and tolerant of anything a server may send.

`failed` and `incomplete` come with HTTP 200; a refusal leaves output_text empty; compatible servers
omit usage details; a gateway may send HTML with 200.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assistant.openai.choices_tool import Offer, offer_of
from assistant.openai.clean import clean, whole_part
from assistant.openai.handover_tool import handover_reason
from common.lenient_json import at, integer_at, objects_at
from common.visible_text import visible

LONGEST_TEXT = 20_000  # characters: five WhatsApp messages; an event must fit into 1 MiB
LARGEST_COUNT = 2**31 - 1  # what the column holds
INPUT_DETAILS, OUTPUT_DETAILS = (
    ("usage", "input_tokens_details"),
    ("usage", "output_tokens_details"),
)
CODE_OR_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
HAS_TEXT = frozenset({"completed", "incomplete"})  # of a response; others have none, or not yet

FailureKind = Literal[
    "rate_limit", "put_off", "transient", "deadline", "stopped", "account", "final"
]
KIND_OF_CODE: dict[str, FailureKind] = {
    "server_error": "transient",
    "rate_limit_exceeded": "rate_limit",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens billed. Cached and written ones are parts of the input, reasoning of the output."""

    model: str
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """handover: why the model hands the conversation to a person. offer: what the contact is to
    choose from. With either the text may be empty."""

    text: str
    usage: Usage
    handover: str | None = None
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class ModelFailure:
    """Why there is no answer. reason: what failed and, after a colon, the server's code.

    kind: `rate_limit` and `transient` pass by themselves, a `deadline` may; no call was made where
    it is `put_off` (the key's limit is met) or `stopped` (the server fails); `account` (key,
    payment) fails for every call until somebody acts; `final` fails for this request.
    retry_after: seconds that the server wants to be left alone. code, param: of its error. usage:
    what was billed nevertheless.
    """

    reason: str
    kind: FailureKind = "final"
    retry_after: float = 0.0
    code: str | None = None
    param: str | None = None
    request_id: str | None = field(default=None, compare=False)
    usage: Usage | None = None


def read_response(body: object) -> ModelAnswer | ModelFailure:
    """The body of an HTTP 200."""
    if isinstance(body, dict) and body.get("status") == "failed":
        return failed_response(body)
    if not isinstance(body, dict) or not isinstance(body.get("output"), list):
        return ModelFailure("unreadable", "transient")
    usage = usage_of(body)
    if reason := reason_against(body):
        return ModelFailure(reason, usage=usage)
    reason = incomplete_reason(body)
    text = text_of(body, is_cut=reason is not None)
    handover, offer = handover_reason(body), offer_of(body)
    if visible(text) or handover is not None or (offer and visible(offer.text)):
        return ModelAnswer(text if visible(text) else "", usage, handover, offer)
    return ModelFailure(f"incomplete:{reason}" if reason else "empty", usage=usage)


def failed_response(body: object) -> ModelFailure:
    code = code_or_name(body, "error", "code") or "unknown"
    kind = KIND_OF_CODE.get(code, "final")
    return ModelFailure(f"failed:{code}", kind, code=code, usage=usage_of(body))


def reason_against(body: dict[str, Any]) -> str | None:
    """Why a response is no answer, whatever its text."""
    if isinstance(body.get("status"), str) and body["status"] not in HAS_TEXT:
        return f"status:{code_or_name(body, 'status') or 'unknown'}"
    if incomplete_reason(body) == "content_filter":
        return "incomplete:content_filter"
    refused = any(part.get("type") == "refusal" for part in answer_parts(body))
    return "refusal" if refused else None


def incomplete_reason(body: dict[str, Any]) -> str | None:
    """Why the response ends early; None for a whole one."""
    if reason := code_or_name(body, "incomplete_details", "reason"):
        return reason
    return "unknown" if body.get("status") == "incomplete" else None


def text_of(body: object, is_cut: bool) -> str:
    """The answer's text. One that was cut, or is too long, ends with its last whole sentence."""
    texts = [part.get("text") for part in answer_parts(body) if part.get("type") == "output_text"]
    text = clean("\n".join(text for text in texts if isinstance(text, str) and text))
    return whole_part(text[:LONGEST_TEXT]) if is_cut or len(text) > LONGEST_TEXT else text


def answer_parts(body: object) -> Sequence[dict[str, Any]]:
    """Of the final answer where a response names one (`phase`), else of all its messages: what
    comes before is commentary. Unknown item types are skipped.

    https://developers.openai.com/api/docs/guides/conversation-state.md
    """
    messages = [item for item in objects_at(body, "output") if item.get("type") == "message"]
    final = [item for item in messages if item.get("phase") == "final_answer"]
    return [part for item in final or messages for part in objects_at(item, "content")]


def usage_of(body: object) -> Usage:
    return Usage(
        model=code_or_name(body, "model") or "unknown",
        input_tokens=token_count(body, "usage", "input_tokens"),
        cached_tokens=token_count(body, *INPUT_DETAILS, "cached_tokens"),
        output_tokens=token_count(body, "usage", "output_tokens"),
        cache_write_tokens=token_count(body, *INPUT_DETAILS, "cache_write_tokens"),
        reasoning_tokens=token_count(body, *OUTPUT_DETAILS, "reasoning_tokens"),
    )


def token_count(body: object, *path: str) -> int:
    return min(max(integer_at(body, *path) or 0, 0), LARGEST_COUNT)


def code_or_name(body: object, *path: str) -> str | None:
    """A code or a name at the end of the path."""
    return as_code(at(body, *path))


def as_code(value: object) -> str | None:
    """The value, if it looks like a code or a name: it goes into columns and log lines."""
    return value if isinstance(value, str) and CODE_OR_NAME.fullmatch(value) else None
