"""The result of an attempt to send: accepted, refused, not sent, or ambiguous. Pure.

An answer is a refusal only with Graph's own error JSON; a bare 502 may hide an accepted send.
"""

from dataclasses import dataclass
from typing import Any

from common.lenient_json import at, list_at, object_at
from common.service.json_http import HttpAnswer
from sender.whatsapp.graph_errors import GraphErrorRule, rule_of


@dataclass(frozen=True, slots=True)
class Accepted:
    wamid: str


@dataclass(frozen=True, slots=True)
class Refused:
    """`retry_after`: seconds that the answer asks for; 0 without."""

    code: int
    title: str
    rule: GraphErrorRule
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class NotSent:
    """Proven that no byte of the request left."""

    why: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """`outage`: Graph itself did not answer, only what stands before it."""

    why: str
    outage: bool = False


SendResult = Accepted | Refused | NotSent | Ambiguous


def classify(answer: HttpAnswer) -> SendResult:
    """The result that an HTTP answer stands for."""
    body = answer.json()
    if answer.status == 200:
        wamid = wamid_of(body)
        return Accepted(wamid) if wamid else Ambiguous("200_without_wamid")
    error = object_at(body, "error")
    code = error.get("code")
    if not isinstance(code, int):
        return Ambiguous(f"http_{answer.status}", outage=answer.status >= 500)
    passing = answer.status >= 500 or answer.status == 429 or error.get("is_transient") is True
    rule = rule_of(code, error.get("error_subcode"), temporary=passing)
    return Refused(code, title_of(error), rule, seconds(answer.headers.get("Retry-After")))


def is_graphs(answer: HttpAnswer) -> bool:
    """Whether Graph itself answered, whatever it said."""
    body = answer.json()
    has_code = isinstance(at(body, "error", "code"), int)
    return has_code or (answer.status == 200 and isinstance(body, dict))


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
