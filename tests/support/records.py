"""Records of topics: written, read whole, awaited, followed; and what a group has committed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from tests.support.kafka import admin_client
from tests.support.message_load import message_load
from tests.support.waiting import SECONDS, Deadline

from common.events import Event
from common.kafka.compacted import reader_config
from common.kafka.producer import producer_config
from common.kafka.record import Record, record_of
from common.topics import Topic

E = TypeVar("E", bound=Event)
CALL_SECONDS = 30.0  # for one answer of a busy broker
BATCH, READ_SECONDS = 1000, 0.05


class TopicFollower:
    """Reads topics from their beginning and on; no consumer group."""

    def __init__(self, bootstrap: str, topics: Iterable[Topic]) -> None:
        self._consumer = Consumer(reader_config(bootstrap) | {"enable.partition.eof": False})
        self._next: dict[tuple[str, int], int] = {}  # offsets
        self._partitions = [
            place for topic in topics for place in partitions_of(self._consumer, topic)
        ]
        self._consumer.assign(self._partitions)

    def read_on(self) -> list[Record]:
        """What there is now, or comes within 50 ms."""
        messages = self._consumer.consume(BATCH, READ_SECONDS)
        records = [record_of(message) for message in messages if message.error() is None]
        self._next |= {record.place: record.offset + 1 for record in records}
        return records

    def read_to_end(self) -> list[Record]:
        """What the topics hold now and was not read yet, in order per partition."""
        ends = {(place.topic, place.partition): self._end_of(place) for place in self._partitions}
        deadline = Deadline("the end of the topics")
        records: list[Record] = []
        while any(self._next.get(place, 0) < end for place, end in ends.items()):
            deadline.check()
            records += self.read_on()
        return records

    def _end_of(self, place: TopicPartition) -> int:
        """0 where there is nothing to read."""
        first, end = self._consumer.get_watermark_offsets(place, timeout=CALL_SECONDS)
        return end if end > first else 0

    def close(self) -> None:
        self._consumer.close()


def partitions_of(consumer: Consumer, topic: Topic) -> list[TopicPartition]:
    there = consumer.list_topics(topic.name, timeout=CALL_SECONDS).topics[topic.name].partitions
    return [TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in there]


@contextmanager
def following(bootstrap: str, *topics: Topic) -> Iterator[TopicFollower]:
    follower = TopicFollower(bootstrap, topics)
    try:
        yield follower
    finally:
        follower.close()


def read_records(bootstrap: str, topic: Topic) -> list[Record]:
    """Everything in the topic now, so that a copy too many is seen."""
    with following(bootstrap, topic) as follower:
        return follower.read_to_end()


def read_events(bootstrap: str, topic: Topic, event: type[E]) -> list[E]:
    return [event.decode(record.value) for record in read_records(bootstrap, topic)]


def await_records(
    bootstrap: str,
    topic: Topic,
    enough: Callable[[list[Record]], bool],
    seconds: float = SECONDS,
) -> list[Record]:
    """The topic from its beginning, once `enough` holds."""
    records: list[Record] = []
    deadline = Deadline(f"enough records of {topic.name}", seconds)
    with following(bootstrap, topic) as follower:
        while not enough(records):
            deadline.check()
            records += follower.read_on()
    return records


def await_events(
    bootstrap: str, topic: Topic, event: type[E], count: int, seconds: float = SECONDS
) -> list[E]:
    """The first `count` events or more."""
    records = await_records(bootstrap, topic, lambda read: len(read) >= count, seconds)
    return [event.decode(record.value) for record in records]


def produce(bootstrap: str, topic: Topic, records: Iterable[tuple[str, bytes | None]]) -> None:
    """Returns when the broker has them all."""
    producer = Producer(producer_config(bootstrap, deadline_ms=30_000, linger_ms=5))
    for key, value in records:
        producer.produce(topic.name, value, key=key.encode())
    assert producer.flush(CALL_SECONDS) == 0


def count_committed(bootstrap: str, group: str) -> int:
    """Records of all partitions together that the group will not read again."""
    wish = [ConsumerGroupTopicPartitions(group)]
    answer = admin_client(bootstrap).list_consumer_group_offsets(wish)[group]
    return sum(max(0, place.offset) for place in answer.result(CALL_SECONDS).topic_partitions)


def count_uncommitted(bootstrap: str, topic: Topic, group: str) -> int:
    """How many records the group has not committed yet; it is not joined."""
    consumer = Consumer(reader_config(bootstrap) | {"group.id": group})
    try:
        places = partitions_of(consumer, topic)
        ends = [consumer.get_watermark_offsets(place, timeout=CALL_SECONDS)[1] for place in places]
        done = [place.offset for place in consumer.committed(places, timeout=CALL_SECONDS)]
        return sum(ends) - sum(max(0, offset) for offset in done)
    finally:
        consumer.close()


records, committed, load = read_records, count_committed, message_load
