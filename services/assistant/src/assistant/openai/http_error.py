"""What an HTTP error of the Responses API means. Pure.

Billing codes are 429 too, but do not go away by themselves. Codes and headers:
https://developers.openai.com/api/docs/guides/error-codes and
https://help.openai.com/en/articles/6614457.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from assistant.openai.response import FailureKind, ModelFailure, as_code, code_or_name
from common.lenient_json import at

LONGEST_WAIT = 60.0  # seconds
BILLING = frozenset(
    {"credit_balance_exhausted", "organization_spend_limit_exceeded", "insufficient_quota"}
    | {"project_spend_limit_exceeded", "organization_usage_limit_exceeded"}
)
TRANSIENT = frozenset({408, 409})  # and all from 500
ACCOUNT = frozenset({401, 402, 403})
# The Responses API words these refusals without a code.
CODE_OF_WORDS = {
    "Unsupported parameter": "unsupported_parameter",
    "Unsupported value": "unsupported_value",
}
DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
RESETS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")


def read_http_error(status: int, body: object, headers: Mapping[str, str]) -> ModelFailure:
    """headers: with names in lower case, or of a mapping that ignores case."""
    code = code_or_name(body, "error", "code") or code_of_words(body)
    kind = kind_of(status, code, body)
    if kind == "account" and status == 429:
        reason = f"billing:{code}"
    else:
        reason = f"http_{status}:{code}" if code else f"http_{status}"
    param = code_or_name(body, "error", "param")
    request_id = as_code(headers.get("x-request-id"))
    return ModelFailure(reason, kind, seconds_to_wait(kind, headers), code, param, request_id)


def code_of_words(body: object) -> str | None:
    message = at(body, "error", "message")
    words = message.partition(":")[0] if isinstance(message, str) else ""
    return CODE_OF_WORDS.get(words)


def kind_of(status: int, code: str | None, body: object) -> FailureKind:
    if code == "model_not_found":  # also as 403: a project without access
        return "final"
    if code in BILLING or at(body, "error", "type") == "insufficient_quota" or status in ACCOUNT:
        return "account"
    if status == 429:
        return "rate_limit"
    return "transient" if status in TRANSIENT or status >= 500 else "final"


def seconds_to_wait(kind: FailureKind, headers: Mapping[str, str]) -> float:
    """What the server asks for, a minute at most. The resets of rate limits come with every
    answer, and count where one was met."""
    if kind not in ("rate_limit", "transient"):
        return 0.0
    resets = [duration(headers.get(name, "")) for name in RESETS] if kind == "rate_limit" else []
    return min(max([retry_after(headers), *resets]), LONGEST_WAIT)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of retry-after-ms, else of retry-after: a number, or a date beside the answer's."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value := headers.get(name, "")):
            return float(value) / unit
    try:
        until, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        return max(0.0, (until - now).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0.0


def duration(text: str) -> float:
    """Seconds of a duration such as 6m0s, 1s or 120ms; 0 for anything else."""
    found = DURATION.fullmatch(text)
    hours, minutes, seconds, milliseconds = (
        (float(part or 0) for part in found.groups()) if found else (0.0, 0.0, 0.0, 0.0)
    )
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
