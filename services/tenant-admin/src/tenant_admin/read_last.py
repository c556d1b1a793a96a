"""Reads a compacted topic to its end: the last record of each key, as compaction would leave it."""

from collections.abc import Callable
from time import monotonic

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from common.kafka.reader import reader_config
from common.kafka.record import record_of
from common.topics import Topic

DEADLINE = 120.0


class Unread(Exception):
    """The topic could not be read to its end now; try later."""


def read_last(
    bootstrap: str, topic: Topic, is_over: Callable[[], bool]
) -> dict[bytes, bytes | None]:
    """By key; None is a tombstone. Blocks; ends within about a second once `is_over()`.

    Raises Unread when the broker or the topic is away.
    """
    consumer = Consumer(reader_config(bootstrap))
    try:
        behind = partitions(consumer, topic.name)
        consumer.assign([TopicPartition(topic.name, p, OFFSET_BEGINNING) for p in behind])
        return until_end(consumer, behind, is_over)
    finally:
        consumer.close()


def partitions(consumer: Consumer, name: str) -> set[int]:
    try:
        found = consumer.list_topics(name, timeout=1).topics[name]
    except KafkaException as error:
        raise Unread(error.args[0].name()) from None
    if found.error:
        raise Unread(found.error.name())
    return set(found.partitions)


def until_end(
    consumer: Consumer, behind: set[int], is_over: Callable[[], bool]
) -> dict[bytes, bytes | None]:
    last: dict[bytes, bytes | None] = {}
    deadline = monotonic() + DEADLINE
    while behind:
        if is_over() or monotonic() > deadline:
            raise Unread("stopped before its end")
        for message in consumer.consume(500, 0.2):
            error = message.error()
            if error is None:
                record = record_of(message)
                last[record.key or b""] = record.value
            elif error.code() == KafkaError._PARTITION_EOF:
                behind.discard(message.partition() or 0)
    return last
