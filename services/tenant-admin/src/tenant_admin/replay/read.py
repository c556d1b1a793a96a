"""Reads a topic from a time to where it ends now."""

from collections.abc import Iterator
from datetime import datetime
from typing import NoReturn

from common.kafka.reader import TopicReader, TopicUnavailable
from common.kafka.record import Record
from common.service.settings import KafkaSettings
from tenant_admin.core.problems import refuse

TIMEOUT_SECONDS = 10.0


def read(kafka: KafkaSettings, topic: str, since: datetime | None) -> Iterator[Record]:
    """Partition by partition in offset order. RequestRefused when broker or topic is missing."""
    with TopicReader(kafka, topic) as reader:
        try:
            for partition, offset in starts(reader, since).items():
                yield from reader.read_to_end({partition: offset}, timeout=TIMEOUT_SECONDS)
        except TopicUnavailable as error:
            refuse_unavailable(topic, error)


def starts(reader: TopicReader, since: datetime | None) -> dict[int, int]:
    if since is None:
        return reader.beginnings(TIMEOUT_SECONDS)
    return reader.offsets_at(since, TIMEOUT_SECONDS)


def refuse_unavailable(topic: str, error: TopicUnavailable) -> NoReturn:
    if error.missing == "topic":
        refuse(422, "topic", f"{topic} is not there", "see common.topics for the names")
    refuse(
        422,
        "KAFKA_BOOTSTRAP_SERVERS",
        "the broker does not answer",
        "start it or correct the name",
    )
