"""Reads what a topic holds, for assertions."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from common.events import Event
from common.kafka.reader import reader_config
from common.kafka.record import Record, record_of
from common.topics import Topic

E = TypeVar("E", bound=Event)
Enough = Callable[[list[Record]], bool]


def records(bootstrap: str, topic: str, enough: Enough, seconds: float = 20) -> list[Record]:
    """Every record of the topic from its beginning, once `enough` holds; fails showing how many."""
    with reading(bootstrap, topic) as (consumer, _):
        return read(consumer, topic, enough, seconds)


def read(consumer: Consumer, topic: str, enough: Enough, seconds: float = 20) -> list[Record]:
    found: list[Record] = []
    deadline = time.monotonic() + seconds
    while not enough(found):
        assert time.monotonic() < deadline, f"{topic}: only {len(found)} records"
        found += [record_of(m) for m in consumer.consume(500, 0.1) if m.error() is None]
    return found


@contextmanager
def reading(bootstrap: str, topic: str) -> Iterator[tuple[Consumer, list[TopicPartition]]]:
    consumer = Consumer(reader_config(bootstrap) | {"enable.partition.eof": False})
    try:
        there = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        partitions = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in there]
        consumer.assign(partitions)
        yield consumer, partitions
    finally:
        consumer.close()


def events(
    bootstrap: str, topic: Topic, event: type[E], count: int, seconds: float = 20
) -> list[E]:
    """The first `count` events or more."""
    found = records(bootstrap, topic.name, lambda read: len(read) >= count, seconds)
    return [event.decode(record.value) for record in found]


def everything(bootstrap: str, topic: Topic, event: type[E]) -> list[E]:
    """All that the topic holds now, so that a copy too many is seen."""
    with reading(bootstrap, topic.name) as (consumer, partitions):
        ends = [consumer.get_watermark_offsets(one, timeout=10)[1] for one in partitions]
        found = read(consumer, topic.name, lambda read: len(read) >= sum(ends))
    return [event.decode(record.value) for record in found]
