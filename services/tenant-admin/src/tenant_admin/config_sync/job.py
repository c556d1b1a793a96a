"""Keeps the compacted topics equal to the database.

Publishing at least once is not enough: an older copy can end up as a key's last record, which is
what a process reads that starts after compaction; and a broker can lose its data. Each pass reads
the topics from the beginning: a view that has followed them would notice neither.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from threading import Event

import structlog

from common.outbox import Outbox
from common.postgres.database import Database, is_outage
from common.service import metrics
from common.service.clock import Clock
from common.service.tracing import new_trace_id
from tenant_admin.config_sync.diff import ConfigRevisions, config_revisions_of
from tenant_admin.config_sync.read_last import Unread, read_last
from tenant_admin.config_sync.repair import CONFIG_TOPICS, repair
from tenant_admin.core.changes import ChangeContext

log = structlog.get_logger()
INTERVAL_SECONDS = 600.0
RETRY_SECONDS = 2.0


class ConfigSync:
    """A Component. Runs in the background: neither start nor readiness waits for the broker."""

    def __init__(self, bootstrap: str, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._bootstrap = bootstrap
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._stopping = Event()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping.set()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(
                RETRY_SECONDS if await self._sync_again_soon() else INTERVAL_SECONDS
            )

    async def _sync_again_soon(self) -> bool:
        """One pass; True when the next should come soon. No failure ends the loop."""
        try:
            return await self.sync_once() > 0
        except Unread as error:
            log.info("republish_waits", reason=str(error))
        except Exception as error:
            log.warning("republish_failed", outage=is_outage(error), exc_info=error)
        return True

    async def sync_once(self) -> int:
        """One pass; how many records it published. Raises Unread and the database's errors."""
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
        is_over = self._stopping.is_set
        return {
            each.name: config_revisions_of(
                read_last(self._bootstrap, each.topic, is_over), each.event
            )
            for each in CONFIG_TOPICS
        }
