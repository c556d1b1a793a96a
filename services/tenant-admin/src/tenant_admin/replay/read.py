"""Reads a topic of ours from a time to where it ended when that began, or one record of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from confluent_kafka import KafkaException

from common.kafka.reader import ReadStopped, TopicReader, TopicUnavailable
from common.kafka.record import Record
from common.service.settings import KafkaSettings
from common.topics import every_topic
from tenant_admin.core.problems import refuse

TIMEOUT_SECONDS = 10.0
SILENCE_SECONDS = 30.0  # a broker that starts again is back before
# librdkafka would read 64 MB ahead.
FEW = {
    "queued.max.messages.kbytes": 4096,
    "fetch.max.bytes": 8 << 20,
    "message.max.bytes": 8 << 20,
}
NAMES = frozenset(topic.name for topic in every_topic())


def read(
    kafka: KafkaSettings,
    topic: str,
    since: datetime | None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """Partition by partition in offset order, in little memory; ends soon once `is_stopped()`.
    RequestRefused for what is no topic of ours, and when broker or topic is missing or refuses."""
    with reading(kafka, topic) as reader:
        ends = reader.ends(TIMEOUT_SECONDS)
        for partition, offset in starts(reader, since).items():
            for record in reader.read_to_end(
                {partition: offset}, is_stopped, TIMEOUT_SECONDS, SILENCE_SECONDS
            ):
                if record.offset >= ends[partition] or is_stopped():
                    break
                yield record


def read_one(kafka: KafkaSettings, topic: str, partition: int, offset: int) -> Record:
    """RequestRefused when it is not there (any more)."""
    with reading(kafka, topic) as reader:
        if partition not in reader.partitions(TIMEOUT_SECONDS):
            refuse(422, "partition", f"{topic} has no partition {partition}", "see `list`")
        found = reader.read_to_end(
            {partition: offset}, timeout=TIMEOUT_SECONDS, silence=SILENCE_SECONDS
        )
        record = next(found, None)
    if record is None or record.offset != offset:  # the next one that is there
        refuse(422, "offset", f"no record {offset} in partition {partition}", "see `list`")
    return record


@contextmanager
def reading(kafka: KafkaSettings, topic: str) -> Iterator[TopicReader]:
    if topic not in NAMES:
        refuse(422, "topic", f"{topic} is no topic of Conserje", "see common.topics for the names")
    try:
        with TopicReader(kafka, topic, FEW) as reader:
            yield reader
    except ReadStopped:
        return
    except TopicUnavailable as error:
        refuse_unavailable(topic, error)
    except KafkaException as error:
        refuse(
            422, "topic", f"{topic} cannot be read: {error.args[0].name()}", "see OPERATIONS, 12"
        )


def refuse_unavailable(topic: str, error: TopicUnavailable) -> NoReturn:
    if error.missing == "topic":
        refuse(422, "topic", f"{topic} is not there", "run the job `topics`")
    refuse(
        422,
        "KAFKA_BOOTSTRAP_SERVERS",
        "the broker does not answer",
        "start it or correct the name",
    )


def starts(reader: TopicReader, since: datetime | None) -> dict[int, int]:
    if since is None:
        return reader.beginnings(TIMEOUT_SECONDS)
    return reader.offsets_at(since, TIMEOUT_SECONDS)
