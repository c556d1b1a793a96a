"""What a turn tells of itself while it is answered."""

from datetime import timedelta

import pytest
from tests.support.builders import CONTACT, NOON, NUMBER
from tests.support.clock import FixedClock
from tests.support.components import FakeProducer
from tests.support.turns import a_turn
from tests.support.waiting import eventually_async

from assistant.results import NoReply, Reply, TurnResult
from assistant.turn_progress import ProgressPublisher
from common.events import TurnProgress
from common.topics import TURNS_PROGRESS
from common.work import Done, Dropped, Later, Outcome


def published(producer: FakeProducer) -> list[TurnProgress]:
    assert {record.topic for record in producer.records} <= {TURNS_PROGRESS.name}
    return [TurnProgress.decode(record.value) for record in producer.records]


async def test_it_is_told_when_the_model_is_asked_and_again_until_the_answer() -> None:
    producer, clock = FakeProducer(), FixedClock(NOON)
    with ProgressPublisher(producer, clock, repeat_seconds=0.01).answering(a_turn("uno", "dos")):
        [first] = published(producer)
        clock.moment = NOON + timedelta(seconds=20)
        await eventually_async(lambda: len(producer.records) >= 3)
    told = len(producer.records)
    second = published(producer)[1]
    assert (first.state, first.wamid, first.messages) == ("answering", "wamid.2", 2)
    assert (first.phone_number_id, first.contact_id, first.tenant_id) == (NUMBER, CONTACT, 1)
    assert (second.state, second.wamid) == ("still_answering", "wamid.2")
    assert (first.since, second.since, second.occurred_at) == (NOON, NOON, clock.moment)
    assert (first.until, second.until) == (clock.moment, NOON + timedelta(seconds=40))
    assert first.event_id != second.event_id
    other = FakeProducer()
    with ProgressPublisher(other, clock, repeat_seconds=0.01).answering(a_turn()):
        await eventually_async(lambda: len(other.records) >= 3)
    assert len(producer.records) == told, "a turn that has ended tells nothing"


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        (Dropped("thanks", NoReply("recorded", "thanks")), ["recorded"]),
        (Dropped("opted_out", NoReply("suppressed", "opted_out")), []),
        (Dropped("failed"), []),
        (Later(60, "taken_over"), []),
        (Done(Reply("notice", "Hecho.", "opt_out")), []),
    ],
)
def test_without_an_answer_only_what_needs_none_is_told(
    outcome: Outcome[TurnResult], states: list[str]
) -> None:
    producer = FakeProducer()
    ProgressPublisher(producer, FixedClock(NOON)).recorded(a_turn(), outcome)
    assert [event.state for event in published(producer)] == states


async def test_a_producer_without_room_fails_no_turn() -> None:
    producer = FakeProducer(full=True)
    with ProgressPublisher(producer, FixedClock(NOON)).answering(a_turn()):
        producer.full = False
    assert producer.records == []
