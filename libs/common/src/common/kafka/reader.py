"""Reads a topic without a consumer group: from its beginning, from a time or at offsets.

Nothing is committed. Used by whatever looks at a topic: views, comparisons, replay, load, tests.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from time import monotonic, sleep
from typing import Any, Self

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from common.kafka.kafka_access import client_config, report_refusal
from common.kafka.record import Record, record_of
from common.service.settings import KafkaSettings

log = structlog.get_logger()
BATCH = 2000
RETRY_SECONDS = 0.1
READERS_GROUP = "view"  # nobody joins it
FATAL = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
    }
)


class TopicUnavailable(Exception):
    """The topic cannot be read now. `missing` says what is not there."""

    def __init__(self, missing: str, reason: str) -> None:
        super().__init__(reason)
        self.missing = missing  # "broker" or "topic"


class ReadStopped(Exception):
    """Reading was stopped before the end."""


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """Everything that the partition held has been read; the next record will have `offset`."""

    partition: int
    offset: int


def reader_config(kafka: KafkaSettings) -> dict[str, Any]:
    """librdkafka wants the name of a group all the same."""
    return {
        **client_config(kafka),
        "group.id": kafka.group_name(READERS_GROUP),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
        "allow.auto.create.topics": False,
    }


class TopicReader:
    """One reader of one topic, for one thread; a context manager that closes it.

    `options` are librdkafka's, over those of `reader_config`.
    """

    def __init__(
        self, kafka: KafkaSettings, topic: str, options: Mapping[str, Any] | None = None
    ) -> None:
        self.topic = topic
        self._name = kafka.topic_name(topic)
        self._consumer = Consumer(reader_config(kafka) | dict(options or {}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._consumer.close()

    # ---- where to read ---------------------------------------------------------------------

    def partitions(self, timeout: float = 1.0) -> list[int]:
        """Raises TopicUnavailable."""
        try:
            metadata = self._consumer.list_topics(self._name, timeout=timeout).topics[self._name]
        except KafkaException as error:
            if not self._consumer.assignment():  # else a record might be lost here
                self._consumer.poll(0)  # calls `error_cb`: what the broker refuses is said
            raise TopicUnavailable("broker", error.args[0].name()) from None
        if metadata.error:
            report_refusal(metadata.error, self.topic)
            raise TopicUnavailable("topic", metadata.error.name())
        if not metadata.partitions:
            raise TopicUnavailable("topic", "it has no partitions yet")
        return sorted(metadata.partitions)

    def beginnings(self, timeout: float = 1.0) -> dict[int, int]:
        """Partition -> where to start to read everything. Raises TopicUnavailable."""
        return dict.fromkeys(self.partitions(timeout), OFFSET_BEGINNING)

    def offsets_at(self, time: datetime, timeout: float = 10.0) -> dict[int, int]:
        """Partition -> the first offset that is not older; OFFSET_END when all are older."""
        milliseconds = int(time.timestamp() * 1000)
        asked = [self._position(number, milliseconds) for number in self.partitions(timeout)]
        positions = self._consumer.offsets_for_times(asked, timeout=timeout)
        return {position.partition: position.offset for position in positions}

    def end_of(self, partition: int, timeout: float = 1.0) -> int:
        """The offset that its next record will have. Raises TopicUnavailable."""
        deadline = monotonic() + timeout
        while True:
            try:
                position = self._position(partition)
                return int(self._consumer.get_watermark_offsets(position, timeout=timeout)[1])
            except KafkaException as error:  # perhaps a partition whose leader just moved
                if monotonic() > deadline:
                    raise TopicUnavailable("broker", error.args[0].name()) from None
                sleep(RETRY_SECONDS)

    def ends(self, timeout: float = 1.0) -> dict[int, int]:
        """Partition -> the offset that its next record will have. Raises TopicUnavailable."""
        return {number: self.end_of(number, timeout) for number in self.partitions(timeout)}

    def assign(self, starts: Mapping[int, int]) -> None:
        """partition -> the offset to read from."""
        self._consumer.assign([self._position(*start) for start in starts.items()])

    # ---- reading ---------------------------------------------------------------------------

    def poll(self, seconds: float) -> list[Record | PartitionEnd | KafkaError]:
        """What comes first within `seconds`, and all that is there behind it."""
        first = self._consumer.poll(seconds)
        if first is None:  # never `not first`: the length of a tombstone is 0
            return []
        return [
            self._part_of(message) for message in [first, *self._consumer.consume(BATCH - 1, 0)]
        ]

    def records(self, seconds: float) -> list[Record | PartitionEnd]:
        """The same; errors are logged, or raised (KafkaException) where waiting does not help."""
        records: list[Record | PartitionEnd] = []
        for part in self.poll(seconds):
            if not isinstance(part, KafkaError):
                records.append(part)
            elif is_fatal(part):
                report_refusal(part, self.topic)
                raise KafkaException(part)
            else:
                log.warning("reader_error", topic=self.topic, reason=part.name())
        return records

    def read_to_end(
        self,
        starts: Mapping[int, int],
        is_stopped: Callable[[], bool] = lambda: False,
        timeout: float = 1.0,
        silence: float = inf,
    ) -> Iterator[Record]:
        """From the given offsets to where the partitions end now, those in offset order.

        Raises ReadStopped within about a second once `is_stopped()`, TopicUnavailable when the
        broker does not tell an end within `timeout`, or gives nothing for `silence` seconds: for
        those who are waited for by a person.
        """
        ends = {partition: self.end_of(partition, timeout) for partition in starts}
        behind = {number for number, start in starts.items() if is_before(start, ends[number])}
        self.assign({number: starts[number] for number in behind})
        heard_at = monotonic()
        while behind:
            if is_stopped():
                raise ReadStopped
            if monotonic() - heard_at > silence:
                raise TopicUnavailable("broker", f"it gave nothing for {silence:g} s")
            for part in self.records(0.2):
                if isinstance(part, Record) and part.offset < ends[part.partition]:
                    yield part
                if next_offset(part) >= ends[part.partition]:
                    behind.discard(part.partition)
                heard_at = monotonic()

    def read_at(
        self, partition: int, offsets: Sequence[int], is_stopped: Callable[[], bool]
    ) -> Iterator[Record]:
        """The records at these ascending offsets; those that retention removed are absent.

        Raises ReadStopped.
        """
        self.assign({partition: offsets[0]})
        sought = frozenset(offsets)
        while not is_stopped():
            for part in self.records(0.5):
                if isinstance(part, Record) and part.offset in sought:
                    yield part
                if isinstance(part, PartitionEnd) or part.offset >= offsets[-1]:
                    return
        raise ReadStopped

    def _position(self, partition: int, offset: int = OFFSET_BEGINNING) -> TopicPartition:
        return TopicPartition(self._name, partition, offset)

    def _part_of(self, message: Message) -> Record | PartitionEnd | KafkaError:
        return part_of(message, self.topic)


def part_of(message: Message, topic: str) -> Record | PartitionEnd | KafkaError:
    error = message.error()
    if error is None:
        return record_of(message, topic)
    if error.code() == KafkaError._PARTITION_EOF:
        return PartitionEnd(message.partition() or 0, message.offset() or 0)
    return error


def next_offset(part: Record | PartitionEnd) -> int:
    return part.offset + 1 if isinstance(part, Record) else part.offset


def is_before(start: int, end: int) -> bool:
    """Whether there is anything between; OFFSET_BEGINNING is a negative number."""
    return start != OFFSET_END and start < end


def is_fatal(error: KafkaError) -> bool:
    """It will not pass by waiting."""
    return error.fatal() or error.code() in FATAL
