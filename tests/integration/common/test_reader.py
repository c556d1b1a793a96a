"""Reading without a group on a real broker: to the end, from a time, at offsets."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END
from tests.support.kafka import Broker
from tests.support.records import produce

from common.kafka.reader import ReadStopped, TopicReader, TopicUnavailable
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_OUTCOME, Topic
from devkit.stack.broker_security import GivenKafkaSettings
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create

pytestmark = pytest.mark.integration
TOPIC = MESSAGES_OUTCOME
MANY = 3000  # more than one poll takes


def write(kafka: KafkaSettings, *keys: str) -> None:
    produce(kafka, TOPIC, [(key, key.encode()) for key in keys])


def reading(kafka: KafkaSettings, topic: Topic = TOPIC) -> TopicReader:
    return TopicReader(kafka, topic.name)


def test_it_reads_everything_in_offset_order_and_ends(kafka: Broker) -> None:
    keys = [str(number) for number in range(MANY)]
    write(kafka.settings, *keys)
    with reading(kafka.settings) as reader:
        records = list(reader.read_to_end(reader.beginnings()))
    assert sorted(record.key_text for record in records) == sorted(keys)
    for partition in {record.partition for record in records}:
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


def test_what_comes_while_it_reads_is_left_for_the_next_time(kafka: Broker) -> None:
    write(kafka.settings, "a")
    with reading(kafka.settings) as reader:
        found = []
        for record in reader.read_to_end(reader.beginnings()):
            found.append(record.key_text)
            write(kafka.settings, "a")
        assert found == ["a"]
        ends = reader.ends()
        assert sum(ends.values()) == 2


def test_an_empty_topic_ends_at_once(kafka: Broker) -> None:
    with reading(kafka.settings) as reader:
        assert list(reader.read_to_end(reader.beginnings())) == []


def test_it_reads_from_a_time(kafka: Broker) -> None:
    write(kafka.settings, "before")
    with reading(kafka.settings) as reader:
        (before,) = reader.read_to_end(reader.beginnings())
        written = datetime.fromtimestamp(before.timestamp_ms / 1000, UTC)
        at_it = reader.offsets_at(written)
        assert [one.key_text for one in reader.read_to_end(at_it)] == ["before"]
        later = reader.offsets_at(written + timedelta(seconds=1))
        assert later[before.partition] == OFFSET_END
        assert list(reader.read_to_end(later)) == []


def test_it_reads_at_offsets_and_leaves_the_others_out(kafka: Broker) -> None:
    write(kafka.settings, *["same"] * 10)
    with reading(kafka.settings) as reader:
        partition = next(iter(reader.read_to_end(reader.beginnings()))).partition
        records = list(reader.read_at(partition, [2, 5, 7], lambda: False))
        assert [record.offset for record in records] == [2, 5, 7]
        beyond = list(reader.read_at(partition, [9, 99], lambda: False))
        assert [record.offset for record in beyond] == [9]


def test_it_can_be_stopped(kafka: Broker) -> None:
    write(kafka.settings, "a")
    with reading(kafka.settings) as reader:
        with pytest.raises(ReadStopped):
            list(reader.read_to_end({0: OFFSET_BEGINNING, **reader.beginnings()}, lambda: True))
        with pytest.raises(ReadStopped):
            list(reader.read_at(0, [0], lambda: True))


def test_it_says_what_is_missing(kafka: Broker) -> None:
    with TopicReader(kafka.settings, "no.such.topic") as reader:
        with pytest.raises(TopicUnavailable) as error:
            reader.partitions(timeout=10)
        assert error.value.missing == "topic"
    with TopicReader(
        GivenKafkaSettings(kafka_bootstrap_servers="127.0.0.1:1"), TOPIC.name
    ) as reader:
        with pytest.raises(TopicUnavailable) as error:
            reader.partitions()
        assert error.value.missing == "broker"


@pytest.fixture
def own_kafka(home: Path) -> Iterator[LocalKafka]:
    """Ours to freeze."""
    port, controller = free_ports(2)
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller)
    create(kafka.settings, [TOPIC])
    yield kafka
    kafka.process.send_signal(signal.SIGCONT)
    kafka.stop()


def test_a_broker_that_falls_silent_ends_it_where_that_is_asked_for(own_kafka: LocalKafka) -> None:
    """A person waits; more is there than the client has read ahead."""
    produce(own_kafka.settings, TOPIC, [("a", b"x" * 200_000)] * 60)
    little = {"queued.max.messages.kbytes": 1, "queued.min.messages": 1}
    with TopicReader(own_kafka.settings, TOPIC.name, little) as reader:
        records = reader.read_to_end(reader.beginnings(), timeout=30, silence=3)
        assert next(records).key_text == "a"
        own_kafka.process.send_signal(signal.SIGSTOP)
        with pytest.raises(TopicUnavailable, match="nothing for 3 s"):
            list(records)
