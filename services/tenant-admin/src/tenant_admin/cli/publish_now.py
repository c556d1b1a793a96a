"""Publishes a command's rows right after its commit, without the service."""

import logging
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message, Producer
from sqlalchemy import Engine

from common.kafka.producer import producer_config
from common.outbox_rows import OutboxRow, delete
from common.service.settings import KafkaSettings
from common.service.tracing import trace_headers

DEADLINE_MS = 3000
QUIET = logging.getLogger("conserje.silent")  # the command's output says it; librdkafka need not


def publish_now(engine: Engine, kafka: KafkaSettings, rows: Sequence[OutboxRow]) -> bool:
    """True when the broker has all of them; they are then deleted.

    What it does not have within 3 s stays in the outbox, for the running service's sweep.
    """
    acknowledged = publish_and_wait(kafka, {row.id: row for row in rows})
    with engine.begin() as connection:
        delete(connection, acknowledged)
    return len(acknowledged) == len({row.id for row in rows})


def publish_and_wait(kafka: KafkaSettings, rows: dict[int, OutboxRow]) -> list[int]:
    """The ids of the rows that the broker has acknowledged."""
    producer = Producer(
        producer_config(kafka, deadline_ms=DEADLINE_MS, linger_ms=0)
        | {
            "logger": QUIET,
            "error_cb": lambda _: None,
            "topic.metadata.propagation.max.ms": DEADLINE_MS,
        }
    )
    acknowledged: list[int] = []
    for row in rows.values():
        producer.produce(
            kafka.topic_name(row.topic),
            row.payload,
            key=row.key.encode(),
            headers=dict(trace_headers(row.trace_id)),
            on_delivery=append_when_delivered(acknowledged, row.id),
        )
    producer.flush(DEADLINE_MS / 1000 + 0.5)
    return acknowledged


def append_when_delivered(
    acknowledged: list[int], row_id: int
) -> Callable[[KafkaError | None, Message], None]:
    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is None:
            acknowledged.append(row_id)

    return on_delivery
