"""Every code of Meta's: what becomes of the message, of others of its number, of other clients."""

import pytest
from tests.unit.sender.test_decide import after, due

from common.work import Dropped, Later
from devkit.emulators.whatsapp.errors import TITLES
from sender.holds import Held, HoldKeys, Holds
from sender.whatsapp.graph_errors import GRAPH_ERRORS, ErrorKey, Retry, Scope
from sender.whatsapp.send_result import Refused

OURS = HoldKeys.of("1", "token of one app")
SAME_TOKEN = HoldKeys.of("2", "token of one app")
OTHER_CLIENT = HoldKeys.of("3", "token of another app")

# (what becomes of the message, what waits with it, whether an operator is told)
ROWS: dict[tuple[str, str, bool], str] = {
    ("later", "message", False): "1 2 131000 131016 132069 133004",
    ("later", "pair", False): "131056",
    ("once more", "message", False): "131047",
    ("waits", "number", False): "130429 131057",
    ("waits", "token", False): "4 80007",
    ("waits", "token", True): "0 190",
    ("waits", "number", True): "3 10 200 299 100/33 131005 131037 131042 131045 133010",
    ("ends, others too", "number", True): "368 131031 131048",
    ("ends", "message", True): "132000 132001 132005 132007 132012 132015 132016 132018",
    ("ends", "message", False): "33 100 130403 130472 130497 131008 131009 131021 131026 131030"
    " 131049 131050 131051 131052 131053 131062 131063 131064 132068 133000 133005 133006"
    " 133008 133009 133015 133016 135000 137000",
}


def key_of(code: str) -> ErrorKey:
    number, _, subcode = code.partition("/")
    return (int(number), int(subcode)) if subcode else int(number)


EXPECTED = {key_of(code): row for row, codes in ROWS.items() for code in codes.split()}


@pytest.mark.parametrize("key", EXPECTED)
def test_a_code_says_what_is_done(key: ErrorKey) -> None:
    action, scope, alerts = EXPECTED[key]
    rule = GRAPH_ERRORS[key]
    refusal = Refused(key if isinstance(key, int) else key[0], "No", rule)
    holds = Holds(lambda: 100.0, lambda: 1.0)
    change = holds.record(OURS, refusal, 99.0)

    assert outcome_of(refusal, change.held) == action
    assert (rule.scope.value, rule.alert) == (scope, alerts)
    assert bool(holds.held(OURS)) is (scope in ("number", "token"))
    assert bool(holds.held(SAME_TOKEN)) is (scope == "token")
    assert holds.held(OTHER_CLIENT) is None


def outcome_of(refusal: Refused, held: Held | None) -> str:
    match after(due(), refusal, held), after(due(refusals=1), refusal, held):
        case Dropped(), Dropped():
            return "ends, others too" if held and held.is_final else "ends"
        case Later(), Dropped():
            return "once more"
        case Later(), Later() if held:
            return "waits"
        case _:
            return "later"


def test_the_table_is_tested_whole() -> None:
    untested = {key for key in GRAPH_ERRORS if key not in EXPECTED}
    assert untested == set(range(201, 299))
    codes = {key for key in GRAPH_ERRORS if isinstance(key, int)}
    assert set(TITLES) == codes - set(range(201, 299)), "what the stand-in can answer"
    assert {rule.retry for rule in GRAPH_ERRORS.values()} == set(Retry)
    assert {rule.scope for rule in GRAPH_ERRORS.values()} == set(Scope)
