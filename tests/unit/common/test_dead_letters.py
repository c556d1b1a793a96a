"""Giving a record up while the broker is away: wait, try again, one copy."""

import asyncio

import pytest
from tests.support.components import FakeProducer

from common.kafka.dead_letter import IN_A_ROW, DeadLetters, Outage, TooManyDeadLetters
from common.kafka.record import Record
from common.topics import MESSAGES_INBOUND

RECORD = Record(MESSAGES_INBOUND.name, 0, 7, b"k", b"bad", {"traceparent": b"t"})


def dead_letters(producer: FakeProducer) -> DeadLetters:
    return DeadLetters("tests", producer, asyncio.get_running_loop())


async def give_up(letters: DeadLetters, record: Record = RECORD) -> None:
    """As a consumer does: from a thread of its own."""
    await asyncio.to_thread(letters.publish_and_wait, record, "undecodable", "text: Field required")


async def test_a_dead_letter_keeps_its_key_and_its_bytes() -> None:
    producer = FakeProducer()
    await give_up(dead_letters(producer))
    assert producer.sent == [("messages.inbound.dlq", "k", b"bad")]


async def test_without_an_ack_it_is_an_outage_and_the_same_copy_counts_later() -> None:
    producer = FakeProducer(hold=True)
    letters = dead_letters(producer)
    for _ in range(2):
        with pytest.raises(Outage):
            await give_up(letters)
    producer.waiting[0].set_result(None)
    await give_up(letters)
    assert len(producer.sent) == 1


async def test_a_copy_that_was_refused_is_sent_again() -> None:
    producer = FakeProducer(full=True)
    letters = dead_letters(producer)
    with pytest.raises(Outage):
        await give_up(letters)
    producer.full = False
    await give_up(letters)
    assert len(producer.sent) == 1


async def test_good_records_of_one_partition_do_not_excuse_another() -> None:
    letters = dead_letters(FakeProducer())
    other = Record(MESSAGES_INBOUND.name, 1, 0, None, b"good")
    for _ in range(IN_A_ROW):
        await give_up(letters)
        letters.count_stored([other])
    with pytest.raises(TooManyDeadLetters, match=r"messages\.inbound\[0\] at 7"):
        await give_up(letters)
