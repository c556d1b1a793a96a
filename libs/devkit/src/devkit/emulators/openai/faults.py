"""Faults to inject: which call gets one, and what a faulty response looks like."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from devkit.emulators.openai.answer import matches
from devkit.emulators.openai.config import Match
from devkit.emulators.openai.conversation import current_texts
from devkit.emulators.openai.validate import Request

Kind = Literal[
    "status", "garbage", "html", "cut", "hang", "failed", "incomplete", "refusal", "empty", "huge"
]
CODES: Mapping[int, tuple[str, str]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", "server_error"),
    503: ("service_unavailable_error", "server_is_overloaded"),
}
HUGE_CHARACTERS = 10 * 1024 * 1024


@dataclass(slots=True)
class Fault:
    """`times` None: until reset. `seconds` is for hang: silence, then the normal answer.

    `code` is error.code of status and failed, and the reason of incomplete. A transcription takes
    faults that match its model: status, html, hang, empty.
    """

    kind: Kind
    match: Match = field(default_factory=Match)
    times: int | None = 1
    status: int = 500
    code: str | None = None
    type: str | None = None
    param: str | None = None
    message: str = "Injected fault."
    retry_after: float | None = None
    seconds: float = 60.0

    def error(self) -> dict[str, Any]:
        kind, code = CODES.get(self.status, ("invalid_request_error", None))
        return {
            "error": {
                "message": self.message,
                "type": self.type or kind,
                "param": self.param,
                "code": self.code or code,
            }
        }


class Faults:
    """The faults still to come, and how often each kind was injected."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []
        self.injected: Counter[str] = Counter()

    def take(self, request: Request) -> Fault | None:
        """The first that matches, used once."""
        if not self.pending:
            return None
        text = "\n".join(current_texts(request.items))
        return self._use(fault for fault in self.pending if matches(fault.match, request, text))

    def take_for(self, audio_model: str) -> Fault | None:
        """One that names this model: a transcription has no words to match."""
        return self._use(fault for fault in self.pending if fault.match == Match(audio_model))

    def _use(self, fitting: Iterator[Fault]) -> Fault | None:
        fault = next(fitting, None)
        if fault is None:
            return None
        self.injected[fault.kind] += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times < 1:
                self.pending.remove(fault)
        return fault


def spoil(response: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """The response as these faults would have it: HTTP 200, yet not an answer."""
    if fault.kind == "failed":
        error = {"code": fault.code or "server_error", "message": fault.message}
        return {**response, "status": "failed", "error": error, "output": [], "completed_at": None}
    if fault.kind == "incomplete":
        details = {"reason": fault.code or "max_output_tokens"}
        cut = {"status": "incomplete", "incomplete_details": details, "output": []}
        return {**response, **cut, "completed_at": None}
    return response
