"""Keeps the compacted topics true, also after what publishing at least once cannot prevent.

An older copy can end up as a key's last record, which is what a process reads that starts after
compaction; and a broker can lose its data. Each pass reads the topics anew: a view that has
followed them would notice neither.
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
from tenant_admin.change import Cause
from tenant_admin.compare import Stands, stands_of
from tenant_admin.mend import SIDES, mend
from tenant_admin.read_last import Unread, read_last

log = structlog.get_logger()
EVERY = 600.0
SOON = 2.0


class Republish:
    """A Component in the background: neither start nor readiness waits for the broker."""

    def __init__(self, bootstrap: str, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._bootstrap, self._database, self._outbox = bootstrap, database, outbox
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
            await asyncio.sleep(SOON if await self._is_unfinished() else EVERY)

    async def _is_unfinished(self) -> bool:
        """One pass; True when the next should come soon. A failure is no reason to end."""
        try:
            return await self.compare() > 0
        except Unread as error:
            log.info("republish_waits", reason=str(error))
        except Exception as error:
            log.warning("republish_failed", outage=is_outage(error), exc_info=error)
        return True

    async def compare(self) -> int:
        """One pass; how many records it published. Raises Unread and the database's errors."""
        trace_id = new_trace_id()
        cause = Cause("tenant-admin", None, trace_id, trace_id, self._clock.now())
        seen = await asyncio.to_thread(self._seen)
        rows = await self._database.transaction(partial(mend, cause=cause, seen=seen))
        self._outbox.publish(rows)
        for row in rows:
            metrics.CONFIG_MENDED.labels(row.topic).inc()
        if rows:
            log.warning("config_mended", records=len(rows))
        return len(rows)

    def _seen(self) -> Mapping[str, Stands]:
        over = self._stopping.is_set
        return {
            side.topic.name: stands_of(read_last(self._bootstrap, side.topic, over), side.event)
            for side in SIDES
        }
