"""What a model's response means. Pure, and tolerant of anything a server may send.

`failed` and `incomplete` come with HTTP 200; a refusal leaves output_text empty; compatible servers
omit usage details; a gateway may send HTML with 200. Retry only what can change: billing codes are
429 too, but do not go away by themselves.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from common.lenient_json import at, integer_at, objects_at, storable

LONGEST_WAIT = 60.0
FIRST_WAIT = 1.0
LONGEST_TEXT = 20_000  # characters: five WhatsApp messages; an event must fit into 1 MiB
LARGEST_COUNT = 2**31 - 1  # what the column holds
CODE_OR_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")

BILLING = frozenset(
    {"credit_balance_exhausted", "organization_spend_limit_exceeded", "insufficient_quota"}
    | {"project_spend_limit_exceeded", "organization_usage_limit_exceeded"}
)
RETRYABLE_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
RETRYABLE_CODES = frozenset({"server_error", "rate_limit_exceeded", "conversation_locked"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens billed."""

    model: str
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    text: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class ModelFailure:
    """retry_after: seconds, None when trying again cannot help."""

    reason: str
    retry_after: float | None = None


def read_response(body: object) -> ModelAnswer | ModelFailure:
    if not isinstance(body, dict):
        return ModelFailure("unreadable", FIRST_WAIT)
    if body.get("status") == "failed":
        return failed_response(body)
    reason = code_or_name(body, "incomplete_details", "reason")
    text = storable("\n".join(output_texts(body))).strip()
    if len(text) > LONGEST_TEXT:
        return ModelFailure("too_long")
    if text and reason != "content_filter":
        return ModelAnswer(text, usage_of(body))
    if reason:
        return ModelFailure(f"incomplete:{reason}")
    return ModelFailure("empty", FIRST_WAIT if body.get("output") is None else None)


def output_texts(body: object) -> Iterator[str]:
    """Text and refusal parts of message items; unknown item types are skipped."""
    for item in objects_at(body, "output"):
        if item.get("type") == "message":
            for part in objects_at(item, "content"):
                text = part.get("text" if part.get("type") == "output_text" else "refusal")
                if isinstance(text, str) and text:
                    yield text


def failed_response(body: object) -> ModelFailure:
    code = code_or_name(body, "error", "code") or "unknown"
    return ModelFailure(f"failed:{code}", FIRST_WAIT if code in RETRYABLE_CODES else None)


def usage_of(body: object) -> Usage:
    return Usage(
        model=code_or_name(body, "model") or "unknown",
        input_tokens=token_count(body, "usage", "input_tokens"),
        cached_tokens=token_count(body, "usage", "input_tokens_details", "cached_tokens"),
        output_tokens=token_count(body, "usage", "output_tokens"),
    )


def read_http_error(status: int, body: object, headers: Mapping[str, str]) -> ModelFailure:
    """An HTTP error of the Responses API."""
    code = code_or_name(body, "error", "code")
    if code in BILLING or at(body, "error", "type") == "insufficient_quota":
        return ModelFailure(f"billing:{code}")
    reason = f"http_{status}:{code}" if code else f"http_{status}"
    if status in RETRYABLE_STATUS or code in RETRYABLE_CODES:
        return ModelFailure(reason, seconds_to_wait(headers))
    return ModelFailure(reason)


def seconds_to_wait(headers: Mapping[str, str]) -> float:
    """retry-after(-ms), within a second and a minute."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers.get("retry-after", FIRST_WAIT))
    except ValueError:
        return FIRST_WAIT
    return min(max(FIRST_WAIT, seconds), LONGEST_WAIT)  # in this order NaN becomes the first wait


def token_count(body: object, *path: str) -> int:
    return min(max(integer_at(body, *path) or 0, 0), LARGEST_COUNT)


def code_or_name(body: object, *path: str) -> str | None:
    """A code or a name, if it looks like one: it goes into columns and log lines."""
    value = at(body, *path)
    return value if isinstance(value, str) and CODE_OR_NAME.fullmatch(value) else None
