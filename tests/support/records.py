"""Records of topics: written, read whole, awaited, followed; and what a group has committed."""

import contextlib
from collections.abc import Callable, Iterable
from typing import TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    Message,
    Producer,
    TopicPartition,
)
from tests.support.kafka import admin_client
from tests.support.waiting import SECONDS, Deadline

from common.events import Event
from common.kafka.producer import producer_config
from common.kafka.reader import TopicReader, reader_config
from common.kafka.record import Record, record_of
from common.service.settings import KafkaSettings
from common.topics import Topic

E = TypeVar("E", bound=Event)
CALL_SECONDS = 30.0  # for one answer of a busy broker
BATCH, READ_SECONDS = 1000, 0.05


def read_records(kafka: KafkaSettings, topic: Topic) -> list[Record]:
    """Everything in the topic now, so that a copy too many is seen."""
    with TopicReader(kafka, topic.name) as reader:
        starts = reader.beginnings(CALL_SECONDS)
        return list(reader.read_to_end(starts, timeout=CALL_SECONDS))


def read_events(kafka: KafkaSettings, topic: Topic, event: type[E]) -> list[E]:
    return [event.decode(record.value) for record in read_records(kafka, topic)]


def await_records(
    kafka: KafkaSettings,
    topic: Topic,
    enough: Callable[[list[Record]], bool],
    seconds: float = SECONDS,
) -> list[Record]:
    """The topic from its beginning, once `enough` holds."""
    records: list[Record] = []
    deadline = Deadline(f"enough records of {topic.name}", seconds)
    follower = TopicFollower(kafka, [topic])
    with contextlib.closing(follower):
        while not enough(records):
            deadline.check()
            records += follower.read_on()
    return records


def await_events(
    kafka: KafkaSettings, topic: Topic, event: type[E], count: int, seconds: float = SECONDS
) -> list[E]:
    """The first `count` events or more."""
    records = await_records(kafka, topic, lambda read: len(read) >= count, seconds)
    return [event.decode(record.value) for record in records]


def produce(
    kafka: KafkaSettings, topic: Topic, records: Iterable[tuple[str, bytes | None]]
) -> None:
    """Returns when the broker has them all."""
    producer = Producer(producer_config(kafka, deadline_ms=30_000, linger_ms=5))
    for key, value in records:
        producer.produce(kafka.topic_name(topic.name), value, key=key.encode())
    assert producer.flush(CALL_SECONDS) == 0


def count_committed(kafka: KafkaSettings, group: str) -> int:
    """Records of all partitions together that the group will not read again."""
    admin = admin_client(kafka)  # it must outlive the answer
    futures = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(kafka.group_name(group))]
    )
    positions = futures[kafka.group_name(group)].result(CALL_SECONDS).topic_partitions
    return sum(max(0, position.offset) for position in positions)


def count_uncommitted(kafka: KafkaSettings, topic: Topic, group: str) -> int:
    """How many records of the topic the group has not committed yet; it is not joined."""
    with TopicReader(kafka, topic.name) as reader:
        return sum(reader.ends(CALL_SECONDS).values()) - count_committed(kafka, group)


class TopicFollower:
    """Several topics at once, from their beginning and on; no consumer group."""

    def __init__(self, kafka: KafkaSettings, topics: Iterable[Topic]) -> None:
        self._consumer = Consumer(reader_config(kafka) | {"enable.partition.eof": False})
        self._prefix = kafka.kafka_topic_prefix
        there = self._consumer.list_topics(timeout=CALL_SECONDS).topics
        self._consumer.assign(
            [
                TopicPartition(kafka.topic_name(topic.name), number, OFFSET_BEGINNING)
                for topic in topics
                for number in there[kafka.topic_name(topic.name)].partitions
            ]
        )

    def read_on(self) -> list[Record]:
        """What there is now, or comes within 50 ms."""
        messages = self._consumer.consume(BATCH, READ_SECONDS)
        return [self._record(message) for message in messages if message.error() is None]

    def _record(self, message: Message) -> Record:
        return record_of(message, (message.topic() or "").removeprefix(self._prefix))

    def close(self) -> None:
        self._consumer.close()
