"""Follows every topic of a running system, so that a test can say what must have been said."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from common.events import DeliveryChanged, Event, OutcomeRecorded, ReplyReady
from common.kafka.reader import reader_config
from common.kafka.record import Record, record_of
from common.kafka.subscription import group_of
from common.topics import (
    ALL,
    BY_NAME,
    DELIVERIES_EVENTS,
    MESSAGES_OUTCOME,
    REPLIES_OUTBOUND,
    Topic,
    every_topic,
)

POISON = "poison"  # a header of records that a test has written to do harm
T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Tape:
    """All records of all topics from their beginning. One test at a time may wait on it."""

    def __init__(self, bootstrap: str) -> None:
        self._records: dict[str, list[Record]] = {}
        self._events: dict[str, list[Event]] = {}
        self._consumer = Consumer(reader_config(bootstrap) | {"enable.partition.eof": False})
        there = self._consumer.list_topics(timeout=10).topics
        self._consumer.assign(
            [
                TopicPartition(topic.name, number, OFFSET_BEGINNING)
                for topic in every_topic()
                for number in there[topic.name].partitions
            ]
        )

    def close(self) -> None:
        self._consumer.close()

    def of(self, topic: Topic) -> list[Record]:
        return self._records.get(topic.name, [])

    def everything(self) -> list[Record]:
        return [record for records in self._records.values() for record in records]

    def events(self, topic: Topic, kind: type[E]) -> list[E]:
        assert topic.event is kind
        return cast("list[E]", self._events.get(topic.name, []))

    async def outcomes_of(self, wamids: Iterable[str], seconds: float = 90) -> Counter[str]:
        """How many of these messages ended how, once each has an end."""
        wanted = set(wamids)
        await self.wait(lambda: not wanted - self._ended(), "every outcome", seconds)
        events = self.events(MESSAGES_OUTCOME, OutcomeRecorded)
        ends = {event.wamid: event.outcome for event in events if event.wamid in wanted}
        return Counter(ends.values())

    def _ended(self) -> set[str]:
        return {event.wamid for event in self.events(MESSAGES_OUTCOME, OutcomeRecorded)}

    async def wait(self, find: Callable[[], T], what: str, seconds: float = 30) -> T:
        """The first true value of `find`; AssertionError naming what was awaited."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not (found := find()):
            assert asyncio.get_running_loop().time() < deadline, f"not in {seconds} s: {what}"
            await self.read_on()
        return found

    async def read_on(self) -> None:
        """What there is now, or comes within 50 ms."""
        for message in await asyncio.to_thread(self._consumer.consume, 500, 0.05):
            if message.error() is None:
                self._take(record_of(message))

    def _take(self, record: Record) -> None:
        """Fails on a record of ours that is no event of its topic."""
        self._records.setdefault(record.topic, []).append(record)
        kind = BY_NAME[record.topic].event if record.topic in BY_NAME else None
        if kind and record.value is not None and POISON not in record.headers:
            self._events.setdefault(record.topic, []).append(kind.decode(record.value))

    async def outcome(self, wamid: str, seconds: float = 30) -> OutcomeRecorded:
        """The end of this message."""
        found = await self.wait(lambda: self.outcomes(wamid), f"outcome of {wamid}", seconds)
        return found[0]

    def outcomes(self, wamid: str) -> list[OutcomeRecorded]:
        events = self.events(MESSAGES_OUTCOME, OutcomeRecorded)
        return [event for event in events if event.wamid == wamid]

    def replies_to(self, wamid: str) -> list[ReplyReady]:
        events = self.events(REPLIES_OUTBOUND, ReplyReady)
        return [event for event in events if wamid in event.answers]

    def states(self, reply_id: str | None) -> list[DeliveryChanged]:
        """What became of a reply, oldest first."""
        events = self.events(DELIVERIES_EVENTS, DeliveryChanged)
        return [event for event in events if event.reply_id == reply_id]


def holds(record: Record, text: str) -> bool:
    """Whether the record's JSON holds this whole string, escaped or not."""
    value = record.value or b""
    return json.dumps(text).encode() in value


async def consumed(bootstrap: str, seconds: float = 30) -> None:
    """Returns when every consumer group has committed all that its topic holds."""
    groups = [(topic, by) for topic in ALL if not topic.compacted for by in topic.consumers]
    deadline = asyncio.get_running_loop().time() + seconds
    for topic, service in groups:
        while missing := await asyncio.to_thread(lag, bootstrap, topic, group_of(service, topic)):
            assert asyncio.get_running_loop().time() < deadline, (
                f"{service} lacks {missing} of {topic.name}"
            )


def lag(bootstrap: str, topic: Topic, group: str) -> int:
    """How many records the group has not committed yet; it is not joined."""
    consumer = Consumer(reader_config(bootstrap) | {"group.id": group})
    try:
        numbers = consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions
        places = [TopicPartition(topic.name, number) for number in numbers]
        ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        done = [max(0, place.offset) for place in consumer.committed(places, timeout=10)]
        return sum(ends) - sum(done)
    finally:
        consumer.close()
