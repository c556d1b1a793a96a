"""Faults on order: which sends they hit, how often, when, and what happens then.

Phases: before_accept (the message is not taken), after_accept (it is taken, its answer suffers),
status (it is taken and answered; its statuses suffer). Of a file: look_up (its address is asked
for) and download; there `text` is its id.
"""

from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["before_accept", "after_accept", "status", "look_up", "download"]


@dataclass(frozen=True, slots=True)
class Match:
    """What a send must have; None matches all. `contact` is a wa_id or BSUID, `text` a part.

    nth: the rule sleeps until the nth send (from 1) that matches the rest.
    """

    phone_number_id: str | None = None
    contact: str | None = None
    text: str | None = None
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Action:
    """One of: a Graph error code (with a subcode), a bare HTTP status, a dropped connection, a wait
    in seconds.

    hang before_accept: silence, then the connection drops. hang after_accept: a late answer.
    In phase status: `error` makes the message fail, `drop` sends no status, `hang` delays them.
    Only for files: `html` (a page instead), `size` (so many zero bytes instead), `redirect` (URL).
    """

    error: int | None = None
    subcode: int | None = None
    status: int | None = None
    drop: bool = False
    hang: float | None = None
    html: bool = False
    size: int | None = None
    redirect: str | None = None


@dataclass(slots=True)
class Rule:
    """`times` None: without end. `seen` counts matching sends, `fired` the injected faults."""

    phase: Phase
    action: Action
    match: Match = field(default_factory=Match)
    times: int | None = 1
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    phone_number_id: str
    contact_ids: tuple[str, str]
    text: str


class Faults:
    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def take(self, phase: Phase, attempt: Attempt) -> Action | None:
        """The action of the first rule that fires now; only that one counts it."""
        for rule in self.rules:
            if rule.phase != phase or not matches(rule.match, attempt):
                continue
            rule.seen += 1
            if rule.seen >= rule.match.nth and (rule.times is None or rule.fired < rule.times):
                rule.fired += 1
                return rule.action
        return None


def matches(match: Match, attempt: Attempt) -> bool:
    return (
        match.phone_number_id in (None, attempt.phone_number_id)
        and match.contact in (None, *attempt.contact_ids)
        and (match.text is None or match.text in attempt.text)
    )
