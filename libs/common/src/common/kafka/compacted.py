"""The one view of a compacted topic: every partition from the beginning, then following.

No consumer group: each process holds the whole topic in memory (about 2 kB a row). Readers ask
`get`; a caught-up view changes within milliseconds of the write.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from common.events import ConfigEvent, Undecodable
from common.kafka.record import Record, record_of
from common.service.lifecycle import Lifecycle
from common.topics import Topic

log = structlog.get_logger()
E = TypeVar("E", bound=ConfigEvent)
OnChange = Callable[[str, E | None], None]


def reader_config(bootstrap: str) -> dict[str, str | int | bool]:
    """A reader without a group: librdkafka wants a name all the same and commits nothing."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "view",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
        "allow.auto.create.topics": False,
        "log_level": 2,
    }


class CompactedView(Generic[E]):
    """A Component whose start ends when the view has caught up. Reads are safe from any thread.

    `on_change(key, event or None)` is called in the view's thread, after the view holds the change.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        event: type[E],
        life: Lifecycle,
        on_change: OnChange[E] | None = None,
    ) -> None:
        # An empty fetch may wait long: a new record ends it at once, and idle views cost little.
        self._config = reader_config(bootstrap) | {"fetch.wait.max.ms": 500}
        self._topic, self._event, self._life = topic, event, life
        self._on_change = on_change
        self._rows: dict[str, E] = {}
        self._behind: dict[int, int] = {}  # partition -> where it ended when we started
        self._caught_up = asyncio.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=topic.name, daemon=True)

    def get(self, key: str) -> E | None:
        return self._rows.get(key)

    def all(self) -> list[E]:
        return list(self._rows.values())

    async def start(self) -> None:
        self._thread.start()
        self._life.health.expect(f"view:{self._topic.name}", self._caught_up.is_set)
        await self._caught_up.wait()
        log.info("view_caught_up", topic=self._topic.name, rows=len(self._rows))

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        beat = f"view:{self._topic.name}"
        consumer = Consumer(self._config)
        try:
            if self._assign(consumer):
                while not self._stopping.is_set():
                    self._life.health.beat(beat)
                    self._follow(consumer)
        except Exception as error:
            log.error("view_failed", topic=self._topic.name, exc_info=error)
            self._life.fatal("view_failed")
        finally:
            self._life.health.retire(beat)
            consumer.close()

    def _assign(self, consumer: Consumer) -> bool:
        """Waits for the broker and the topic, and says so once; False when stopped before."""
        said = ""
        while not self._stopping.is_set():
            self._life.health.beat(f"view:{self._topic.name}")
            try:
                ends, missing = self._ends(consumer), "topic"
            except KafkaException:
                ends, missing = {}, "broker"
            if ends:
                self._begin(consumer, ends)
                return True
            if missing != said:
                log.warning("view_waits", topic=self._topic.name, missing=missing)
                said = missing
            self._stopping.wait(0.2)
        return False

    def _ends(self, consumer: Consumer) -> dict[int, int]:
        """The end of every partition; nothing when the topic is not there."""
        found = consumer.list_topics(self._topic.name, timeout=1).topics[self._topic.name]
        places = (
            [] if found.error else [TopicPartition(self._topic.name, p) for p in found.partitions]
        )
        return {
            place.partition: consumer.get_watermark_offsets(place, timeout=1)[1] for place in places
        }

    def _begin(self, consumer: Consumer, ends: dict[int, int]) -> None:
        consumer.assign([TopicPartition(self._topic.name, p, OFFSET_BEGINNING) for p in ends])
        self._behind = ends
        for partition in tuple(ends):
            self._reached(partition, 0)

    def _follow(self, consumer: Consumer) -> None:
        first = consumer.poll(0.2)
        if first is None:  # never `not first`: the length of a tombstone is 0
            return
        for message in [first, *consumer.consume(1999, 0)]:
            error = message.error()
            if error is None:
                record = record_of(message)
                self._apply(record)
                self._reached(record.partition, record.offset + 1)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached(message.partition() or 0, message.offset() or 0)
            else:
                log.warning("view_error", topic=self._topic.name, reason=error.name())

    def _apply(self, record: Record) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        try:
            row = self._event.decode(record.value) if record.value else None
        except Undecodable as error:  # the last good row is better than none
            log.error("view_row_skipped", topic=self._topic.name, reason=str(error))
            return
        if row is None:
            self._rows.pop(key, None)
        elif is_older(row, self._rows.get(key)):
            return
        else:
            self._rows[key] = row
        if self._on_change:
            self._on_change(key, row)

    def _reached(self, partition: int, offset: int) -> None:
        """Caught up once every partition has been read to where it ended at the start."""
        if offset >= self._behind.get(partition, 0):
            self._behind.pop(partition, None)
        if not self._behind and not self._caught_up.is_set():
            self._life.loop.call_soon_threadsafe(self._caught_up.set)


def is_older(row: ConfigEvent, known: ConfigEvent | None) -> bool:
    """At least once allows a late second copy of an earlier change: it must not come back."""
    return known is not None and row.tenant_id == known.tenant_id and row.revision < known.revision
