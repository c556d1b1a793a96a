"""The result of an attempt to send: accepted, refused, not sent, or ambiguous. Pure.

Codes: Meta's error-codes page of 2026-09-11, which asks to key on `code`, not on the HTTP status.
An answer is a refusal only with Graph's own error JSON; a bare 502 may hide an accepted send.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from common.lenient_json import at, list_at, object_at
from common.service.json_http import HttpAnswer


class Retry(Enum):
    """Whether and when a refused send is tried again."""

    NEVER = "never"
    BACKOFF = "backoff"
    PAIR = "pair"  # one message per 6 s to one person; Meta: again after 4^X s
    TENANT = "tenant"  # every send of this number is refused until a person acts


@dataclass(frozen=True, slots=True)
class Accepted:
    wamid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """`retry_after`: seconds that the answer asks for; 0 without."""

    code: int
    title: str
    retry: Retry
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven that no byte of the request left."""

    why: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    why: str


SendResult = Accepted | Refused | NotSent | Ambiguous

BACKOFF_CODES = {1, 2, 4, 80007, 130429, 131000, 131016, 131057, 132069, 133004}
TENANT_CODES = {0, 3, 10, 190, 368, 131005, 131031, 131037, 131042, 131045, 131048, 133010}
TENANT_CODES |= set(range(200, 300))
PAIR_LIMIT_CODE = 131056
NEVER_CODES = {33, 100, 130403, 130472, 130497, 131008, 131009, 131021, 131026, 131030, 131047}
NEVER_CODES |= {131049, 131050, 131051, 131052, 131053, 131062, 135000, 137000}


def classify(answer: HttpAnswer) -> SendResult:
    """The result that an HTTP answer stands for."""
    body = answer.json()
    if answer.status == 200:
        wamid = wamid_of(body)
        return Accepted(wamid) if wamid else Ambiguous("200_without_wamid")
    error = object_at(body, "error")
    code = error.get("code")
    if not isinstance(code, int):
        return Ambiguous(f"http_{answer.status}")
    retry = retry_of(code, answer.status, transient=error.get("is_transient") is True)
    return Refused(code, title_of(error), retry, seconds(answer.headers.get("Retry-After")))


def retry_of(code: int, status: int, *, transient: bool = False) -> Retry:
    if code == PAIR_LIMIT_CODE:
        return Retry.PAIR
    if code in TENANT_CODES:
        return Retry.TENANT
    if code in BACKOFF_CODES:
        return Retry.BACKOFF
    temporary = transient or status >= 500 or status == 429
    return Retry.BACKOFF if temporary and code not in NEVER_CODES else Retry.NEVER


def title_of(error: dict[str, Any]) -> str:
    """Meta's message without its `(#code) `; it names no person."""
    message = str(error.get("message") or error.get("type") or "")
    return message.removeprefix(f"(#{error['code']}) ")[:200]


def seconds(retry_after: str | None) -> float:
    """A Retry-After in seconds, 3600 at most; 0 for a date or an invalid value."""
    return min(float(retry_after), 3600.0) if retry_after and retry_after.isdecimal() else 0.0


def wamid_of(body: object) -> str | None:
    messages = list_at(body, "messages")
    wamid = at(messages[0], "id") if messages else None
    return wamid if isinstance(wamid, str) and wamid else None
