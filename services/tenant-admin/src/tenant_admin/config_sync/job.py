"""Keeps the compacted topics equal to the database.

Publishing at least once is not enough: an older copy can end up as a key's last record, which is
what a process reads that starts after compaction; and a broker can lose its data. Each pass reads
the topics from the beginning: a view that has followed them would notice neither.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from time import monotonic

import structlog

from common.kafka.reader import ReadStopped, TopicReader, TopicUnavailable
from common.outbox import Outbox
from common.postgres.errors import is_outage
from common.service import metrics
from common.service.clock import Clock
from common.service.periodic import Periodic
from common.service.settings import KafkaSettings
from common.service.tracing import new_trace_id
from common.topics import Topic
from tenant_admin.config_sync.diff import ConfigRevisions, config_revisions_of
from tenant_admin.config_sync.repair import CONFIG_TOPICS, repair
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase

log = structlog.get_logger()
INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 2.0
READ_SECONDS = 120.0  # the longest that reading a topic may take


class ConfigSync:
    """A Component. Runs in the background: neither start nor readiness waits for the broker."""

    def __init__(
        self, kafka: KafkaSettings, database: SqlAlchemyDatabase, outbox: Outbox, clock: Clock
    ) -> None:
        self._kafka = kafka
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._stopping = Event()
        self._passes = Periodic(self._sync, RETRY_SECONDS, report_failure)

    async def start(self) -> None:
        await self._passes.start()

    async def stop(self) -> None:
        """Ends a running pass within about a second."""
        self._stopping.set()
        await self._passes.stop()

    async def _sync(self) -> float:
        """One pass; in how many seconds the next should come."""
        try:
            repaired = await self.sync_once()
        except (TopicUnavailable, ReadStopped) as error:
            if not self._stopping.is_set():
                log.info("republish_waits", reason=str(error) or "stopped before its end")
            return RETRY_SECONDS
        return RETRY_SECONDS if repaired else INTERVAL_SECONDS

    async def sync_once(self) -> int:
        """One pass; how many records it published.

        Raises TopicUnavailable, ReadStopped and the database's errors.
        """
        trace_id = new_trace_id()
        context = ChangeContext("tenant-admin", None, trace_id, trace_id, self._clock.now())
        seen = await asyncio.to_thread(self._read_topics)
        rows = await self._database.transaction(partial(repair, context=context, seen=seen))
        self._outbox.publish(rows)
        for row in rows:
            metrics.CONFIG_MENDED.labels(row.topic).inc()
        if rows:
            log.warning("config_mended", records=len(rows))
        return len(rows)

    def _read_topics(self) -> Mapping[str, ConfigRevisions]:
        return {
            each.name: config_revisions_of(
                read_last_values(self._kafka, each.topic, self._stopping.is_set), each.event
            )
            for each in CONFIG_TOPICS
        }


def read_last_values(
    kafka: KafkaSettings, topic: Topic, is_stopped: Callable[[], bool]
) -> dict[bytes, bytes | None]:
    """The last value of each key, as compaction would leave it; None is a tombstone. Blocks."""
    deadline = monotonic() + READ_SECONDS

    def is_over() -> bool:
        return is_stopped() or monotonic() > deadline

    with TopicReader(kafka, topic.name) as reader:
        records = reader.read_to_end(reader.beginnings(), is_over)
        return {record.key or b"": record.value for record in records}


def report_failure(error: Exception) -> None:
    log.warning("republish_failed", outage=is_outage(error), exc_info=error)
