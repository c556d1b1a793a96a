"""The one view of a compacted topic: every partition from the beginning, then following.

No consumer group: each process holds the whole topic in memory, as bytes (about 1 kB a client; a
decoded one is 4 kB), and decodes what is asked for. Readers ask `get`; a caught-up view changes
within milliseconds of the write. Partitions that are added later are read after a restart.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

import structlog
from confluent_kafka import KafkaError

from common.events import ConfigEvent, Undecodable
from common.kafka.reader import PartitionEnd, TopicReader, TopicUnavailable, next_offset
from common.kafka.record import Record
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import Topic

log = structlog.get_logger()
E = TypeVar("E", bound=ConfigEvent)

# Both waits are ended by a new record, so they may be long: an idle view costs little.
OPTIONS = {"fetch.wait.max.ms": 2000, "queued.max.messages.kbytes": 8 << 10}
POLL_SECONDS = 1.0  # also the longest that a stop waits
DECODED = 4096  # rows kept decoded, those that were asked for last; another costs 15 us


class CompactedView(Generic[E]):
    """A Component whose start ends when the view has caught up. Reads are safe from any thread."""

    def __init__(self, kafka: KafkaSettings, topic: Topic, event: type[E], life: Lifecycle) -> None:
        self._kafka = kafka
        self._topic = topic
        self._event = event
        self._decoded: Callable[[bytes], E] = lru_cache(DECODED)(event.decode)
        self._life = life
        self._rows: dict[str, bytes] = {}  # each was decodable when it came
        self._behind: dict[int, int] = {}  # partition -> where it ended when we started
        self._changed: Callable[[str], None] | None = None
        self._caught_up = asyncio.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=topic.name, daemon=True)

    def after_changes(self, callback: Callable[[str], None]) -> None:
        """To be called before the start: on the loop, with the key of each row that changes once
        the view has caught up."""
        self._changed = callback

    def get(self, key: str) -> E | None:
        value = self._rows.get(key)
        return None if value is None else self._decoded(value)

    def rows(self) -> list[E]:
        """All of them, decoded; for a start, not for each message."""
        return [self._event.decode(value) for value in list(self._rows.values())]

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
        try:
            with TopicReader(self._kafka, self._topic.name, OPTIONS) as reader:
                if self._wait_and_assign(reader):
                    while not self._stopping.is_set():
                        self._life.health.beat(beat)
                        self._follow(reader)
        except Exception as error:
            log.error("view_failed", topic=self._topic.name, exc_info=error)
            self._life.fatal("view_failed")
        finally:
            self._life.health.retire(beat)

    def _wait_and_assign(self, reader: TopicReader) -> bool:
        """Waits for the broker and the topic, and says so once; False when stopped before."""
        reported = ""
        while not self._stopping.is_set():
            self._life.health.beat(f"view:{self._topic.name}")
            try:
                self._assign(reader, reader.ends())
                return True
            except TopicUnavailable as error:
                if error.missing != reported:
                    log.warning("view_waits", topic=self._topic.name, missing=error.missing)
                    reported = error.missing
            self._stopping.wait(0.2)
        return False

    def _assign(self, reader: TopicReader, ends: dict[int, int]) -> None:
        # Not OFFSET_BEGINNING: its lookups end one by one, and a partition that comes after the
        # first fetch waits until that ends, 2 s. Where 0 is gone, the client goes to the earliest.
        reader.assign(dict.fromkeys(ends, 0))
        self._behind = dict(ends)
        for partition in ends:
            self._reached(partition, 0)

    def _follow(self, reader: TopicReader) -> None:
        for part in reader.poll(POLL_SECONDS):
            if isinstance(part, KafkaError):
                log.warning("view_error", topic=self._topic.name, reason=part.name())
                continue
            if not isinstance(part, PartitionEnd):
                self._apply(part)
            self._reached(part.partition, next_offset(part))

    def _apply(self, record: Record) -> None:
        key = record.key_text
        if not record.value:
            self._rows.pop(key, None)
            return
        try:
            row = self._event.decode(record.value)
        except Undecodable as error:  # the last good row is better than none
            log.error("view_row_skipped", topic=self._topic.name, reason=str(error))
            return
        if not is_older(row, self.get(key)):
            self._rows[key] = record.value
            if self._changed and not self._behind:
                self._life.loop.call_soon_threadsafe(self._changed, key)

    def _reached(self, partition: int, offset: int) -> None:
        """Caught up once every partition has been read to where it ended at the start."""
        if offset >= self._behind.get(partition, 0):
            self._behind.pop(partition, None)
        if not self._behind and not self._caught_up.is_set():
            self._life.loop.call_soon_threadsafe(self._caught_up.set)


def is_older(row: ConfigEvent, known: ConfigEvent | None) -> bool:
    """At least once allows a late second copy of an earlier change: it must not come back.

    Each client counts its own revisions. So a late copy of a deleted client's row does win over the
    number's new client, until tenant-admin's next comparison publishes the right row again.
    """
    return known is not None and row.tenant_id == known.tenant_id and row.revision < known.revision
