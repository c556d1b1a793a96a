"""Outcomes and dead letters read back over Kafka's protocol, from librdkafka's mock broker."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from common.events import OutcomeRecorded
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_INBOUND, MESSAGES_OUTCOME, dlq_of
from devkit.loadtest.event_log import EventLog
from devkit.loadtest.evidence import Outcome
from devkit.stack.broker_security import GivenKafkaSettings


def an_outcome(wamid: str) -> OutcomeRecorded:
    return OutcomeRecorded(
        event_id=f"id-{wamid}",
        trace_id="0" * 32,
        tenant_id=1,
        occurred_at=datetime.now(UTC),
        phone_number_id="100",
        contact_id="ES.1",
        wamid=wamid,
        outcome="suppressed",
        reason="inactive",
    )


@pytest.fixture
def producer() -> Iterator[Producer]:
    """Its mock cluster lives as long as the producer does."""
    one = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1})
    yield one
    one.flush(5)


@pytest.fixture
def mock_broker(producer: Producer) -> KafkaSettings:
    broker = next(iter(producer.list_topics(timeout=5).brokers.values()))
    return GivenKafkaSettings(kafka_bootstrap_servers=f"{broker.host}:{broker.port}")


def publish(producer: Producer, topic: str, *values: bytes) -> None:
    for number, value in enumerate(values):
        producer.produce(topic, value, key=str(number))
    assert producer.flush(5) == 0


def test_reads_from_the_earliest_and_then_goes_on(
    producer: Producer, mock_broker: KafkaSettings
) -> None:
    publish(producer, MESSAGES_OUTCOME.name, *(an_outcome(f"wamid.{n}").encode() for n in range(9)))
    log = EventLog(mock_broker)
    assert (log.read_on(), log.read_on()) == (9, 0)
    publish(producer, MESSAGES_OUTCOME.name, an_outcome("wamid.0").encode())
    assert log.read_on() == 1
    log.close()
    assert log.outcomes["wamid.0"] == [Outcome("id-wamid.0", "suppressed", "inactive")] * 2
    assert len(log.outcomes) == 9


def test_finds_the_messages_inside_dead_letters(
    producer: Producer, mock_broker: KafkaSettings
) -> None:
    body = b'{"messages":[{"id":"wamid.HBgL+a/b==","type":"text"}]} \xff'
    publish(producer, dlq_of(MESSAGES_INBOUND).name, body, b"\x00 no message at all")
    log = EventLog(mock_broker)
    assert log.read_on() == 2
    log.close()
    assert log.dead_letters == {"wamid.HBgL+a/b=="}
