"""What is not to be called now, and until when: a number, a token, or Graph as a whole.

In memory per replica: another one, or this one after a restart, finds out by one call. While a hold
is on, what it holds back stands in line for a later look, so that many rows cost few claims; when
its time is over one caller is the probe, whose result ends the hold or prolongs it.

Times are monotonic seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from sender.whatsapp.graph_errors import GraphErrorRule, Retry, Scope
from sender.whatsapp.send_result import Accepted, Ambiguous, NotSent, Refused, SendResult

GRAPH_SECONDS = 1.0  # between two probes of a Graph that does not answer
SILENT_SECONDS = 5.0  # a call without an answer for so long, and nobody else had one meanwhile
CREDENTIAL_SECONDS, CREDENTIAL_MAX_SECONDS = 15.0, 600.0  # doubles with each probe
PAYMENT_SECONDS = 600.0
BANNED_SECONDS = 3600.0  # then one new reply shows whether it is over
THROUGHPUT_MAX_SECONDS = 60.0  # doubles from 2 s with each probe, beyond what Meta asks for
PROBE_SECONDS = 20.0  # if a probe's result has not come by then, another is the probe
LOOK_EVERY = 0.1  # of those in line behind one hold
# The last in a long line: a replica that knows of the hold's end may be gone.
LONGEST_LOOK = 1800.0

GRAPH = "graph"
HOLDS_BACK = frozenset({Retry.THROUGHPUT, Retry.CREDENTIAL, Retry.PAYMENT, Retry.BANNED})
PROVES_NOTHING = frozenset({Retry.BACKOFF, Retry.THROUGHPUT})


class HoldKeys(NamedTuple):
    """What a send depends on: the keys of the holds that would hold it back."""

    number: str
    token: str
    graph: str = GRAPH

    @classmethod
    def of(cls, phone_number_id: str, token: str) -> "HoldKeys":
        return cls(number_key(phone_number_id), token_key(token))


def number_key(phone_number_id: str) -> str:
    return f"number:{phone_number_id}"


def token_key(token: str) -> str:
    """A fingerprint: tokens are long and random, so nobody finds one by it."""
    return f"token:{blake2b(token.encode(), digest_size=8).hexdigest()}"


@dataclass(slots=True)
class Hold:
    """cause: None where Graph could not be reached. probing: a probe is under way. line: when the
    last of those in line looks again."""

    cause: Refused | None
    since: float
    until: float
    tries: int = 1
    probing: bool = False
    line: float = 0.0

    def next_look(self, now: float) -> float:
        self.line = max(self.line, self.until) + LOOK_EVERY
        return min(self.line - now, LONGEST_LOOK)


class Held(NamedTuple):
    """A send is held back: look again in `seconds`."""

    key: str
    seconds: float
    cause: Refused | None

    @property
    def is_final(self) -> bool:
        return self.cause is not None and self.cause.rule.retry is Retry.BANNED

    @property
    def why(self) -> str:
        return str(self.cause.code) if self.cause else "unreachable"


class HoldChange(NamedTuple):
    """What a result changed. held: the hold that it began or prolonged. began: whether it is new.
    ended: keys of holds that are over."""

    held: Held | None
    began: bool
    ended: Sequence[str]


class Holds:
    """monotonic: seconds that never step back. jitter: a number from 0 to 1."""

    def __init__(self, monotonic: Callable[[], float], jitter: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._jitter = jitter
        self._holds: dict[str, Hold] = {}
        self._answered_at = -BANNED_SECONDS  # Graph's last answer

    def held(self, keys: HoldKeys) -> Held | None:
        """The hold that lasts longest, with a place in its line."""
        now = self._monotonic()
        on = [
            (hold.until, key, hold)
            for key in keys
            if (hold := self._holds.get(key)) and now < hold.until
        ]
        if not on:
            return None
        _, key, hold = max(on, key=lambda each: each[0])
        return Held(key, hold.next_look(now), hold.cause)

    def admit(self, keys: HoldKeys) -> Held | None:
        """None: call now, and record the result; holds whose time is over have their probe."""
        if held := self.held(keys):
            return held
        for key in keys:
            if hold := self._holds.get(key):
                hold.probing = True
                hold.until = self._monotonic() + PROBE_SECONDS
        return None

    def must_prove_graph(self, answered_within: float | None) -> bool:
        """Whether Graph must be seen to answer before the next message is sent.

        answered_within: seconds within which an answer to anybody counts; None: no matter.
        """
        silent = self._monotonic() - self._answered_at
        return GRAPH in self._holds or (answered_within is not None and silent > answered_within)

    def record(self, keys: HoldKeys, result: SendResult, began: float) -> HoldChange:
        """began: when the call began. What began before a hold says nothing about its end."""
        match result:
            case Accepted():
                return HoldChange(None, False, [*self.graph_answers(), *self._end(keys[:2], began)])
            case Refused(rule=rule) if rule.retry in HOLDS_BACK:
                ended = [*self.graph_answers(), *self._end(proven_by(rule, keys), began)]
                key = keys.token if rule.scope is Scope.TOKEN else keys.number
                return self._hold(key, result)._replace(ended=ended)
            case Refused(rule=rule):
                proven = () if rule.retry in PROVES_NOTHING else keys[:2]
                return HoldChange(None, False, [*self.graph_answers(), *self._end(proven, began)])
            case NotSent() | Ambiguous(outage=True):
                return self.graph_is_silent()
            case Ambiguous() if self._nobody_was_answered(began):
                return self.graph_is_silent()
            case Ambiguous():
                return HoldChange(None, False, ())

    def graph_answers(self) -> list[str]:
        """The ended hold's key, if there was one: any answer shows that Graph is there."""
        self._answered_at = self._monotonic()
        return [GRAPH] if self._holds.pop(GRAPH, None) else []

    def _nobody_was_answered(self, began: float) -> bool:
        """Each further call would end in doubt, so one probe finds out."""
        return self._answered_at < began <= self._monotonic() - SILENT_SECONDS

    def graph_is_silent(self) -> HoldChange:
        return self._hold(GRAPH, None)

    def hold_number(self, phone_number_id: str, refusal: Refused) -> HoldChange:
        """For what a status, or Meta's news of the account, says without a send."""
        if refusal.rule.retry not in HOLDS_BACK:
            return HoldChange(None, False, ())
        return self._hold(number_key(phone_number_id), refusal)

    def end_number(self, phone_number_id: str) -> None:
        """Meta says that it is over; if not, the next call begins another."""
        self._holds.pop(number_key(phone_number_id), None)

    def probe_now(self, keys: HoldKeys) -> None:
        """What an operator changed is tried at once."""
        for key in keys[:2]:
            if hold := self._holds.get(key):
                hold.until, hold.tries, hold.line = self._monotonic(), 0, 0.0

    def _end(self, keys: Sequence[str], began: float) -> list[str]:
        over = [key for key in keys if (hold := self._holds.get(key)) and hold.since <= began]
        for key in over:
            del self._holds[key]
        return over

    def _hold(self, key: str, cause: Refused | None) -> HoldChange:
        now = self._monotonic()
        hold = self._holds.get(key)
        if hold and now < hold.until and not hold.probing:  # its call began before the hold
            hold.until = max(hold.until, now + (cause.retry_after if cause else 0.0))
            return HoldChange(Held(key, hold.until - now, hold.cause), False, ())
        known = hold if hold and is_same(hold.cause, cause) else None
        tries = known.tries + 1 if known else 1
        until = now + self._seconds(cause, tries)
        line = known.line if known else 0.0
        self._holds[key] = Hold(cause, now, until, tries, line=line)
        return HoldChange(Held(key, until - now, cause), known is None, ())

    def _seconds(self, cause: Refused | None, tries: int) -> float:
        """The wait before the next probe, half of it at random; a throughput's wholly."""
        if cause is None:
            return self._halved(GRAPH_SECONDS)
        match cause.rule.retry:
            case Retry.THROUGHPUT:
                wait = min(2.0 ** min(tries, 12), THROUGHPUT_MAX_SECONDS)
                return cause.retry_after + self._jitter() * wait
            case Retry.CREDENTIAL:
                wait = CREDENTIAL_SECONDS * 2.0 ** min(max(tries - 1, 0), 12)
                return self._halved(min(wait, CREDENTIAL_MAX_SECONDS))
            case Retry.PAYMENT:
                return self._halved(PAYMENT_SECONDS)
            case _:
                return BANNED_SECONDS

    def _halved(self, seconds: float) -> float:
        return seconds * (1 + self._jitter()) / 2


def is_same(one: Refused | None, other: Refused | None) -> bool:
    return (one and one.code) == (other and other.code)


def proven_by(rule: GraphErrorRule, keys: HoldKeys) -> Sequence[str]:
    """A refusal about a number shows that its token is good."""
    is_about_number = rule.scope is Scope.NUMBER and rule.retry not in PROVES_NOTHING
    return (keys.token,) if is_about_number else ()
