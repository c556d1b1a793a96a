"""Meta's error codes: whether a refused send is tried again, what else waits with it, who is told.

Codes: Meta's error-codes page of 2026-09-11, which asks to key on `code`, not on the HTTP status.
(100, 33) is Graph's own: the object does not exist, or the token may not see it. 131062 and 137000
are missing on that page.
"""

from enum import Enum
from typing import NamedTuple


class Retry(Enum):
    """Whether and when a refused send is tried again."""

    BACKOFF = "backoff"  # may pass by itself: a few tries
    PAIR = "pair"  # one message per 6 s to one person; Meta: again after 4^X s
    THROUGHPUT = "throughput"  # too much at once: all of the scope wait
    CREDENTIAL = "credential"  # the operator must act: one probe after the other, ever later
    PAYMENT = "payment"  # the same, one probe every ten minutes
    BANNED = "banned"  # Meta must act: what is due meanwhile is refused for good
    WINDOW = "window"  # more than 24 h since the contact wrote, says Meta; once more, as it errs
    NEVER = "never"


class Scope(Enum):
    """What a refusal is about, so what waits with it."""

    MESSAGE = "message"
    PAIR = "pair"
    NUMBER = "number"
    TOKEN = "token"


class GraphErrorRule(NamedTuple):
    """alert: an operator must know, once for all that wait."""

    retry: Retry
    scope: Scope
    alert: bool = False


ErrorKey = int | tuple[int, int]  # a code, or a code with its subcode
LATER = GraphErrorRule(Retry.BACKOFF, Scope.MESSAGE)
FINAL = GraphErrorRule(Retry.NEVER, Scope.MESSAGE)
NO_PERMISSION = GraphErrorRule(Retry.CREDENTIAL, Scope.NUMBER, alert=True)
BAD_TOKEN = GraphErrorRule(Retry.CREDENTIAL, Scope.TOKEN, alert=True)

CODES: dict[GraphErrorRule, tuple[ErrorKey, ...]] = {
    LATER: (1, 2, 131000, 131016, 132069, 133004),
    GraphErrorRule(Retry.PAIR, Scope.PAIR): (131056,),
    GraphErrorRule(Retry.THROUGHPUT, Scope.NUMBER): (130429, 131057),
    GraphErrorRule(Retry.THROUGHPUT, Scope.TOKEN): (4, 80007),
    BAD_TOKEN: (0, 190),
    NO_PERMISSION: (
        *(3, 10, *range(200, 300)),
        *((100, 33), 131005, 131037, 131045, 133010),
    ),
    GraphErrorRule(Retry.PAYMENT, Scope.NUMBER, alert=True): (131042,),
    GraphErrorRule(Retry.BANNED, Scope.NUMBER, alert=True): (368, 131031, 131048),
    GraphErrorRule(Retry.WINDOW, Scope.MESSAGE): (131047,),
    GraphErrorRule(Retry.NEVER, Scope.MESSAGE, alert=True): (  # the client's template
        *(132000, 132001, 132005, 132007, 132012, 132015, 132016, 132018),
    ),
    FINAL: (
        *(33, 100, 131008, 131009, 131021, 131051, 135000, 137000),  # the request
        *(130403, 130472, 130497, 131026, 131030, 131049, 131050, 131062),  # the recipient
        *(131052, 131053, 131063, 131064),  # media, marketing
        132068,  # a flow
        *(133000, 133005, 133006, 133008, 133009, 133015, 133016),  # registration
    ),
}
GRAPH_ERRORS: dict[ErrorKey, GraphErrorRule] = {
    key: rule for rule, keys in CODES.items() for key in keys
}


def rule_of(code: int, subcode: object, *, temporary: bool) -> GraphErrorRule:
    """temporary: what Graph says of a code that is not in the table."""
    if isinstance(subcode, int) and (rule := GRAPH_ERRORS.get((code, subcode))):
        return rule
    return GRAPH_ERRORS.get(code) or (LATER if temporary else FINAL)
