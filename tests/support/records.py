"""Kafka as tests look at it: write records, read a topic whole, ask what a group committed."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from tests.support.builders import a_message

from common.kafka.producer import producer_config
from common.kafka.record import Record, record_of
from common.topics import Topic

READ_SECONDS = 20.0


def produce(bootstrap: str, topic: Topic, records: Iterable[tuple[str, bytes | None]]) -> None:
    """Returns when the broker has them all."""
    producer = Producer(producer_config(bootstrap, deadline_ms=10_000, linger_ms=5))
    for key, value in records:
        producer.produce(topic.name, value, key=key.encode())
    assert producer.flush(10) == 0


def records(bootstrap: str, topic: Topic) -> list[Record]:
    """Everything in the topic now, in order per partition."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "tests", "enable.partition.eof": True}
    )
    partitions = list(consumer.list_topics(topic.name, timeout=10).topics[topic.name].partitions)
    consumer.assign([TopicPartition(topic.name, number, OFFSET_BEGINNING) for number in partitions])
    try:
        return list(_until_end(consumer, set(partitions)))
    finally:
        consumer.close()


def _until_end(consumer: Consumer, behind: set[int]) -> Iterator[Record]:
    deadline = time.monotonic() + READ_SECONDS
    while behind:
        assert time.monotonic() < deadline, f"partitions {behind} were not read to their end"
        for message in consumer.consume(1000, 0.1):
            error = message.error()
            if error is None:
                yield record_of(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                behind.discard(message.partition() or 0)


def committed(bootstrap: str, group: str) -> int:
    """Records of all partitions together that the group will not read again."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    found = asked[group].result(10).topic_partitions
    return sum(max(0, partition.offset) for partition in found)


class Load:
    """Messages of several contacts, each numbered from 0, sent at a steady rate until stopped."""

    def __init__(self, bootstrap: str, topic: Topic, *, contacts: int, per_second: float) -> None:
        self._producer = Producer(producer_config(bootstrap, deadline_ms=0, linger_ms=0))
        self._topic, self._contacts, self._pause = topic, contacts, 1 / per_second
        self._stopping = threading.Event()
        self.sent: dict[str, int] = {}  # contact -> how many
        self.errors: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stopping.wait(self._pause):
            contact = f"c{number % self._contacts}"
            count = self.sent.get(contact, 0)
            event = a_message(str(count), contact_id=contact, wamid=f"{contact}-{count}")
            self._producer.produce(
                self._topic.name, event.encode(), key=event.conversation, on_delivery=self._acked
            )
            self._producer.poll(0)
            self.sent[contact] = count + 1
            number += 1

    def _acked(self, error: KafkaError | None, _: Message) -> None:
        if error:
            self.errors.append(error.name())

    def stop(self) -> None:
        self._stopping.set()

    def flush(self) -> None:
        assert self._producer.flush(30) == 0
        assert self.errors == []


@contextmanager
def load(bootstrap: str, topic: Topic, *, contacts: int, per_second: float) -> Iterator[Load]:
    """Sends while the block runs; at its end the broker has everything."""
    sending = Load(bootstrap, topic, contacts=contacts, per_second=per_second)
    thread = threading.Thread(target=sending.run)
    thread.start()
    try:
        yield sending
    finally:
        sending.stop()
        thread.join()
        sending.flush()
