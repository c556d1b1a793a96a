"""What clients have used today, published every ten seconds where it has changed.

The events carry the day's sums, not single calls: a message costs no event of its own, and one that
is lost or comes twice does no harm. A process publishes what it has settled itself; the first pass
of its life all that may not have been published before a crash.
"""

import threading
from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from typing import Any

import structlog

from assistant.budget import WHOLE_CLIENT
from common.events import UsageRecorded, event_id
from common.outbox import Outbox
from common.outbox_rows import EventDraft, OutboxRow, add, draft
from common.postgres.connection import Connection
from common.postgres.database import Database
from common.postgres.errors import is_outage
from common.postgres.rows import unnest
from common.service.clock import Clock
from common.service.periodic import Periodic
from common.service.tracing import new_trace_id
from common.topics import USAGE_EVENTS

log = structlog.get_logger()
SECONDS = 10.0
AT_ONCE = 1000  # clients' days in one transaction
# Days that may still change, in whatever time zone, or were not published before a crash.
RECENT = f"""
select tenant_id, day from spend
where conversation_id = {WHOLE_CLIENT} and day >= current_date - 2 order by tenant_id, day
"""
CLIENT_DAY = {"tenant_id": "int", "day": "date"}
SUMS = f"""
select tenant_id, day, calls, unpriced_calls, input_tokens, cached_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, micros as cost_micros
from {unnest(CLIENT_DAY)} join spend using (tenant_id, day)
where conversation_id = {WHOLE_CLIENT}
"""
ClientDay = tuple[int, date]  # in the client's time zone


class UsageReports:
    """A Component. Copies of other processes' sums change nothing."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._lock = threading.Lock()
        self._settled: set[ClientDay] = set()
        self._knows_recent = False
        self._passes = Periodic(self.publish, SECONDS, report_failed_pass)

    async def start(self) -> None:
        await self._passes.start()

    async def stop(self) -> None:
        await self._passes.stop()

    def settled(self, days: Iterable[ClientDay]) -> None:
        """Called by any thread, once the sums are committed."""
        with self._lock:
            self._settled.update(days)

    async def publish(self) -> None:
        """One pass. What could not be published is published by the next one."""
        if not self._knows_recent:
            recent = await self._database.transaction(recent_days)
            self.settled(recent)
            self._knows_recent = True
        with self._lock:
            due, self._settled = sorted(self._settled), set()
        while due:
            try:
                rows = await self._database.transaction(partial(self._store, due[:AT_ONCE]))
            except Exception:
                self.settled(due)
                raise
            self._outbox.publish(rows)
            del due[:AT_ONCE]

    def _store(self, days: Sequence[ClientDay], connection: Connection) -> list[OutboxRow]:
        given = {
            "tenant_id": [tenant_id for tenant_id, _ in days],
            "day": [day for _, day in days],
        }
        rows = connection.exec_driver_sql(SUMS, given).all()
        return add(connection, [self._draft(row) for row in rows])

    def _draft(self, row: Any) -> EventDraft:
        event = UsageRecorded(
            event_id=event_id("usage", row.tenant_id, row.day, row.calls),
            trace_id=new_trace_id(),
            occurred_at=self._clock.now(),
            **row._asdict(),
        )
        return draft(USAGE_EVENTS, str(row.tenant_id), event)


def recent_days(connection: Connection) -> list[ClientDay]:
    return [(row.tenant_id, row.day) for row in connection.exec_driver_sql(RECENT)]


def report_failed_pass(error: Exception) -> None:
    log.warning("usage_report_failed", outage=is_outage(error), exc_info=error)
