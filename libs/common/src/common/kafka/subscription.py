"""A member of a consumer group: polls one topic, follows rebalances, stores offsets by hand.

Used by whatever consumes with a group over confluent-kafka. Loop thread of its user only.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from time import sleep
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from common.kafka.kafka_access import client_config, report_refusal
from common.kafka.reader import is_fatal
from common.kafka.record import Record, record_of
from common.service.settings import KafkaSettings
from common.topics import Topic

log = structlog.get_logger()
BATCH, CHUNK = 500, 4
BATCH_BYTES = 4 << 20  # what a transaction stores well within its deadline
POLL_SECONDS = 1.0  # a record ends it at once; a stop waits for it
CLOSE_SECONDS = 5.0


def group_of(service: str, topic: Topic) -> str:
    return f"{service}.{topic.name}"


def consumer_config(kafka: KafkaSettings, group: str) -> dict[str, Any]:
    """Offsets are stored by hand after the effect and committed in the background.

    cooperative-sticky is the kinder protocol whose timings are the client's; a killed member's
    partitions move after session.timeout.
    """
    return {
        **client_config(kafka),
        "group.id": kafka.group_name(group),
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.auto.commit": True,
        "auto.commit.interval.ms": 1000,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 1000,
        "max.poll.interval.ms": 120_000,
        "fetch.wait.max.ms": 2000,
        "max.partition.fetch.bytes": 4 << 20,
        "queued.max.messages.kbytes": 16 << 10,
        "allow.auto.create.topics": False,
    }


class Subscription:
    """`on_lost(partition)` is called during `poll` for each partition that is no longer ours."""

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        topic: Topic,
        *,
        gather_ms: int = 0,
        on_lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`gather_ms`: how long `poll` waits after the first record for more."""
        gather = {"queued.min.messages": 1, "fetch.queue.backoff.ms": gather_ms}
        self._config = consumer_config(kafka, group) | (gather if gather_ms else {})
        self._gather_seconds = gather_ms / 1000
        self._topic = topic.name
        self._name = kafka.topic_name(topic.name)
        self._on_partition_lost = on_lost
        self._owned: set[int] = set()
        self._unstored: dict[int, int] = {}  # partition -> its first offset that is not stored
        self.is_member = False  # of the group; a spare one owns nothing
        self._paused = False
        self._behind = False  # the last batch was full: there is more

    def open(self) -> None:
        self._consumer = Consumer(self._config)
        self._consumer.subscribe(
            [self._name],
            on_assign=self._on_assign,
            on_revoke=self._on_revoked,
            on_lost=self._on_revoked,
        )

    def close(self) -> None:
        """Leaves the group; stored offsets are committed first.

        librdkafka waits for a broker that does not answer without end, so the wait is ours: what
        was not committed is read again.
        """
        closing = Thread(target=self._consumer.close, name=f"close {self._topic}", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            log.warning("consumer_not_closed", topic=self._topic)

    def poll(self) -> list[Record]:
        """At most 500 records, and at most four beyond 4 MiB.

        Waits for the first record and what gathers then: consume(500, t) would wait t for a full
        batch. Gathering at the broker (fetch.min.bytes) would cost an empty fetch each `gather_ms`,
        idle or not; instead nothing is fetched while records wait here. Raises KafkaException for
        what will not pass by waiting.
        """
        first = self._consumer.poll(POLL_SECONDS)
        if first is None:  # never `not first`: the length of a message without a value is 0
            return []
        if not self._behind:
            sleep(self._gather_seconds)
        messages, size = [first], size_of(first)
        while len(messages) < BATCH and size < BATCH_BYTES:
            more = self._consumer.consume(CHUNK, 0)
            if not more:
                break
            messages += more
            size += sum(map(size_of, more))
        self._behind = len(messages) >= BATCH or size >= BATCH_BYTES
        records = [
            record_of(message, self._topic) for message in messages if self._is_record(message)
        ]
        for record in records:
            self._unstored.setdefault(record.partition, record.offset)
        return records

    def owned(self, records: Iterable[Record]) -> list[Record]:
        """Without those of partitions that another member has by now."""
        return [record for record in records if record.partition in self._owned]

    def store_offsets(self, offsets: Mapping[int, int]) -> None:
        """partition -> the next offset to read; what is not ours is left out.

        Stored offsets are committed in the background, and by `incremental_unassign` when
        partitions are revoked. A commit of ours there would wait for a broker that is away.
        """
        positions = [
            TopicPartition(self._name, partition, offset)
            for partition, offset in offsets.items()
            if partition in self._owned
        ]
        if positions:
            self._consumer.store_offsets(offsets=positions)
            self._unstored |= {position.partition: position.offset for position in positions}

    def lag(self) -> int:
        """Records that are there and not stored, as the last fetches told; without a request. A
        partition counts from its first record on."""
        return sum(self._lag_of(*each) for each in self._unstored.copy().items())

    def _lag_of(self, partition: int, offset: int) -> int:
        position = TopicPartition(self._name, partition)
        low, high = self._consumer.get_watermark_offsets(position, cached=True)
        return max(0, high - max(low, offset))

    def pause(self, seconds: float) -> None:
        """Stays in the group for `seconds` without taking records."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(seconds)
        if message is not None:  # never `if message`: see poll
            self._return_to_broker(message)

    def resume(self) -> None:
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
        self._paused = False

    def _return_to_broker(self, message: Message) -> None:
        """A record that was fetched before the pause is read again later."""
        if message.error() is None:
            self._consumer.seek(
                TopicPartition(self._name, message.partition() or 0, message.offset() or 0)
            )

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        report_refusal(error, self._topic)
        if is_fatal(error):
            raise KafkaException(error)
        log.warning("consumer_error", topic=self._topic, reason=error.name())
        return False

    # ---- rebalances -----------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """librdkafka remembers a pause even of a partition that was lost in the meantime."""
        self.is_member = True
        self._owned.update(partition.partition for partition in partitions)
        consumer.incremental_assign(partitions)
        (consumer.pause if self._paused else consumer.resume)(partitions)

    def _on_revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Between batches nothing is in flight. A new assignment follows, if only an empty one."""
        self.is_member = False
        for partition in partitions:
            self._owned.discard(partition.partition)
            self._unstored.pop(partition.partition, None)
            self._on_partition_lost(partition.partition)
        consumer.incremental_unassign(partitions)


def size_of(message: Message) -> int:
    return len(message.value() or b"")
