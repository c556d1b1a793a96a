"""Sends records again, marked as replayed. What they cause is known downstream by its ids, so a
replay never answers twice."""

from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import KafkaError, Message, Producer

from common.kafka.dead_letter import PREFIX
from common.kafka.kafka_access import report_refusal
from common.kafka.producer import Headers, producer_config
from common.kafka.record import REPLAYED, Record
from common.service.settings import KafkaSettings
from common.topics import BY_NAME, WEBHOOKS_QUARANTINE, WEBHOOKS_RAW, Topic
from tenant_admin.core.problems import refuse

DEADLINE_SECONDS = 30.0
DLQ = ".dlq"


def target_of(topic: str) -> Topic:
    """Where a topic's records may be sent again. RequestRefused for what only services write."""
    original = topic.removesuffix(DLQ)
    if topic in (WEBHOOKS_RAW.name, WEBHOOKS_QUARANTINE.name):
        return WEBHOOKS_RAW
    if original == topic or original not in BY_NAME:
        fix = "use webhooks.raw, webhooks.quarantine or a .dlq"
        refuse(422, "topic", f"{topic} cannot be sent again", fix)
    return BY_NAME[original]


def replay_headers(record: Record, by: str, reason: str, now: datetime) -> Headers:
    """The record's own headers, without what dead-lettering added, and who replays it and why."""
    kept = [pair for pair in record.headers.items() if not pair[0].startswith(PREFIX)]
    note = f"{now.isoformat(timespec='seconds')} {by}: {reason}"
    return [*kept, (REPLAYED, note.encode())]


def send(kafka: KafkaSettings, topic: Topic, records: Sequence[tuple[Record, Headers]]) -> int:
    """The number that the broker has acknowledged."""
    acknowledged = 0

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        nonlocal acknowledged
        if error is None:
            acknowledged += 1
        else:
            report_refusal(error, topic.name)

    producer = Producer(
        producer_config(kafka, deadline_ms=int(DEADLINE_SECONDS * 1000), linger_ms=5)
    )
    for record, headers in records:
        producer.produce(
            kafka.topic_name(topic.name),
            record.value,
            key=record.key,
            headers=list(headers),
            on_delivery=on_delivery,
        )
        producer.poll(0)
    producer.flush(DEADLINE_SECONDS)
    return acknowledged
