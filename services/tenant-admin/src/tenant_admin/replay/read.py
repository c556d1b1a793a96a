"""Reads a topic from a time to where it ends now, without touching any consumer group."""

from collections.abc import Iterator
from datetime import datetime

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from common.kafka.reader import reader_config
from common.kafka.record import Record, record_of
from tenant_admin.core.problems import refuse

PATIENCE = 10.0


def read(bootstrap: str, topic: str, since: datetime | None) -> Iterator[Record]:
    """Partition by partition in offset order. RequestRefused when broker or topic is missing."""
    consumer = Consumer(reader_config(bootstrap))
    try:
        for start in starts(consumer, topic, since):
            yield from until_end(consumer, start)
    finally:
        consumer.close()


def starts(consumer: Consumer, topic: str, since: datetime | None) -> list[TopicPartition]:
    try:
        found = consumer.list_topics(topic, timeout=PATIENCE).topics[topic]
    except KafkaException:
        refuse(
            422,
            "KAFKA_BOOTSTRAP_SERVERS",
            "the broker does not answer",
            "start it or correct the name",
        )
    if found.error:
        refuse(422, "topic", f"{topic} is not there", "see common.topics for the names")
    if since is None:
        return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in found.partitions]
    at = int(since.timestamp() * 1000)
    asked = [TopicPartition(topic, number, at) for number in found.partitions]
    return list(consumer.offsets_for_times(asked, timeout=PATIENCE))


def until_end(consumer: Consumer, start: TopicPartition) -> Iterator[Record]:
    low, end = consumer.get_watermark_offsets(start, timeout=PATIENCE)
    offset = low if start.offset == OFFSET_BEGINNING else start.offset
    if start.offset == OFFSET_END or offset >= end:
        return
    consumer.assign([TopicPartition(start.topic, start.partition, offset)])
    while offset < end:
        messages = consumer.consume(min(500, end - offset), 1.0)  # waits for all it asks for
        if not messages and consumer.position([start])[0].offset >= end:
            return  # the rest was compacted away
        for message in messages:
            if message.error() is None:
                record = record_of(message)
                offset = record.offset + 1
                if record.offset < end:
                    yield record
            else:
                offset = max(offset, message.offset() or 0)
