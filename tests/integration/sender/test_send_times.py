"""Meta's limits in PostgreSQL, on a clock that the tests move, judged by the stand-in's limits."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.postgres import NewDatabase
from tests.support.send_times import SenderTables, Sent

from devkit.emulators.whatsapp.limits import Limits
from sender.number_rates import add_inbound
from sender.send_times import (
    FEW,
    FEW_JOIN,
    MORE_JOIN,
    PAIR_BURST,
    PAIR_EVERY,
    PAIR_MARGIN,
    forget_pairs,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def tables(new_database: NewDatabase) -> Iterator[SenderTables]:
    opened = SenderTables(new_database(("sender", "sender")), replicas=2)
    yield opened
    opened.close()


def next_send(tables: SenderTables, contact: str) -> Sent:
    """A reply to the contact, when it may leave at the earliest; the clock is there afterwards."""
    sent = tables.store(contact)
    while not sent:
        tables.wait_for_due()
        sent = tables.claim(tables.due())
    [one] = sent
    tables.move(max(0.0, one.at - tables.now))
    tables.finish(sent)
    return one


class Pair:
    """Meta's rule with our margin, for one contact that has had a message."""

    def __init__(self, at: float) -> None:
        self.started, self.count = at, 1

    def earliest(self, now: float) -> float:
        free = self.started + self.count * PAIR_EVERY + PAIR_MARGIN
        return now if self.is_joined(now) else max(now, free)

    def is_joined(self, at: float) -> bool:
        joins_for = FEW_JOIN if self.count < FEW else MORE_JOIN
        return at < self.started + joins_for and self.count < PAIR_BURST

    def send(self, at: float) -> None:
        if self.is_joined(at):
            self.count += 1
        else:
            self.started, self.count = at, 1


GAPS = st.lists(st.sampled_from([0.0, 0.1, 1.0, 4.0, 6.0, 13.0]), min_size=1, max_size=12)


@given(gaps=GAPS, delays=st.lists(st.floats(0, PAIR_MARGIN - 0.05), min_size=13, max_size=13))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_send_is_refused_and_none_is_late(
    tables: SenderTables, gaps: list[float], delays: list[float]
) -> None:
    """delays: of each send on its way."""
    contact, limits = f"c{tables.now}", Limits()
    first = next_send(tables, contact)
    limits.check("n", contact, first.at + delays[0])
    pair = Pair(first.at)
    for gap, delay in zip(gaps, delays[1:], strict=False):
        tables.move(gap)
        expected = pair.earliest(tables.now)
        sent = next_send(tables, contact)
        assert sent.at == pytest.approx(expected, abs=0.1)
        limits.check("n", contact, sent.at + delay)
        pair.send(sent.at)


def send_all(tables: SenderTables, sent: list[Sent], count: int) -> list[Sent]:
    """All of `count` deliveries, claimed by both replicas in turn."""
    replica = 0
    while len(sent) < count:
        tables.wait_for_due()
        for ids in chunks(tables.due(), 20):
            replica = 1 - replica
            sent += tables.claim(ids, replica)
    return sorted(sent, key=lambda one: one.at)


def chunks(ids: list[int], size: int) -> list[list[int]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def per_second(sent: list[Sent]) -> float:
    """Without the few that leave at once after a silence."""
    steady = sent[4:]
    return (len(steady) - 1) / (steady[-1].at - steady[0].at)


@pytest.mark.parametrize("claims", [True, False])
def test_two_replicas_keep_the_rate_of_a_number_with_one_claim_each(
    tables: SenderTables, claims: bool
) -> None:
    limits, count = Limits(), 400
    sent = []
    for batch in range(8):
        contacts = [f"c{batch}.{number}" for number in range(50)]
        sent += tables.store(*contacts, replica=batch % 2, claims=claims)
    sent = send_all(tables, sent, count)
    for one in sent:
        limits.check("n", one.contact, one.at)
    assert per_second(sent) == pytest.approx(76, abs=4)
    assert (len({one.id for one in sent}), tables.claims) == (count, count)


def test_one_reply_every_four_seconds_for_a_minute(tables: SenderTables) -> None:
    limits, start = Limits(), tables.now
    for number in range(15):
        arrival = start + 4 * number
        tables.move(max(0.0, arrival - tables.now))
        sent = next_send(tables, "c")
        limits.check("n", "c", sent.at)
        assert sent.at - arrival < 20


def test_a_burst_of_parts_leaves_at_once_and_then_costs_its_time(tables: SenderTables) -> None:
    first, *others = [next_send(tables, "c") for _ in range(46)]
    assert others[-2].at - first.at < MORE_JOIN
    assert others[-1].at - first.at == pytest.approx(45 * PAIR_EVERY + PAIR_MARGIN, abs=0.2)


def test_a_contact_who_must_wait_takes_no_place_of_the_number(tables: SenderTables) -> None:
    for _ in range(20):
        next_send(tables, "c")
    tables.move(10)
    assert tables.store("c") == []
    [other] = tables.store("d")
    assert other.at - tables.now < 0.1


def test_after_a_refusal_the_known_burst_is_waited_for(tables: SenderTables) -> None:
    first = next_send(tables, "c")
    next_send(tables, "c")
    tables.refuse(next_send(tables, "c"), 131056)
    again = next_send(tables, "c")
    assert again.at - first.at == pytest.approx(2 * PAIR_EVERY + PAIR_MARGIN, abs=0.2)


def test_after_a_refusal_that_nothing_explains_the_pair_is_free(tables: SenderTables) -> None:
    sent = next_send(tables, "c")
    tables.refuse(sent, 131056)
    tables.move(1)
    assert next_send(tables, "c").at - sent.at < 2


def test_a_send_that_left_nothing_does_not_count(tables: SenderTables) -> None:
    first = next_send(tables, "c")
    for _ in range(3):
        tables.refuse(next_send(tables, "c"), 131016)
    tables.move(5.6)
    again = next_send(tables, "c")
    assert again.at - first.at == pytest.approx(PAIR_EVERY + PAIR_MARGIN, abs=0.3)


def test_a_number_over_its_throughput_is_slowed_once_and_recovers(tables: SenderTables) -> None:
    [sent] = tables.store("c")
    for _ in range(3):
        tables.refuse(sent, 130429)
    tables.move(1)
    assert per_second(tables.store(*(f"a{n}" for n in range(40)))) == pytest.approx(38, abs=1)
    tables.move(60)
    assert per_second(tables.store(*(f"b{n}" for n in range(40)))) == pytest.approx(53, abs=2)
    tables.move(300)
    assert per_second(tables.store(*(f"c{n}" for n in range(40)))) == pytest.approx(76, abs=1)


def test_what_contacts_write_counts(tables: SenderTables) -> None:
    [sent] = tables.store("c", inbound=38)
    assert sent.at - tables.now == pytest.approx(0.5, abs=0.1)
    add_inbound(tables.connections[1], {"n": 38})
    [sent] = tables.store("d")
    assert sent.at - tables.now == pytest.approx(1, abs=0.1)


def test_pairs_whose_burst_has_passed_are_forgotten(tables: SenderTables) -> None:
    next_send(tables, "old")
    tables.move(100)
    next_send(tables, "new")
    forget_pairs(tables.connections[1])
    tables.connections[1].commit()
    [left] = tables.connections[1].exec_driver_sql("select conversation from pair_pace")
    assert left.conversation == "n:new"


def test_a_client_has_a_rate_of_its_own(tables: SenderTables) -> None:
    assert per_second(tables.store(*"abcdefghijklmno", per_second=10.0)) == pytest.approx(
        10, abs=0.5
    )
    [other] = tables.store("c", number="other")
    assert other.at - tables.now < 0.1


def test_rows_that_were_claimed_late_cause_no_burst(tables: SenderTables) -> None:
    sent = tables.store(*(f"c{number}" for number in range(300)))
    tables.move(20)
    late = send_all(tables, [], 300 - len(sent))
    assert per_second(late) == pytest.approx(76, abs=4)
