"""What clients have used today, published every ten seconds where it has changed.

The events carry the day's sums, not single calls: a message costs no event of its own, and one that
is lost or comes twice does no harm.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import structlog

from assistant.budget import WHOLE_CLIENT
from common.events import UsageRecorded, event_id
from common.outbox import Outbox
from common.outbox_rows import EventDraft, OutboxRow, add, draft
from common.postgres.connection import Connection
from common.postgres.database import Database
from common.postgres.errors import is_outage
from common.service.clock import Clock
from common.service.periodic import Periodic
from common.service.tracing import new_trace_id
from common.topics import USAGE_EVENTS

log = structlog.get_logger()
SECONDS = 10.0
# Days that may still change, in whatever time zone, or were not published before a crash.
LATEST = f"""
select tenant_id, day, calls, unpriced_calls, input_tokens, cached_tokens, cache_write_tokens,
  output_tokens, reasoning_tokens, micros as cost_micros
from spend where conversation_id = {WHOLE_CLIENT} and day >= current_date - 2
"""
Calls = Mapping[tuple[int, date], int]


class UsageReports:
    """A Component. Each process publishes the sums of all: copies change nothing."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._published: Calls = {}
        self._passes = Periodic(self.publish, SECONDS, report_failed_pass)

    async def start(self) -> None:
        await self._passes.start()

    async def stop(self) -> None:
        await self._passes.stop()

    async def publish(self) -> None:
        """One pass."""
        rows, self._published = await self._database.transaction(self._store)
        self._outbox.publish(rows)

    def _store(self, connection: Connection) -> tuple[list[OutboxRow], Calls]:
        rows = connection.exec_driver_sql(LATEST).all()
        drafts = [self._draft(row) for row in changed(rows, self._published)]
        stored = add(connection, drafts)
        return stored, {(row.tenant_id, row.day): row.calls for row in rows}

    def _draft(self, row: Any) -> EventDraft:
        event = UsageRecorded(
            event_id=event_id("usage", row.tenant_id, row.day, row.calls),
            trace_id=new_trace_id(),
            occurred_at=self._clock.now(),
            **row._asdict(),
        )
        return draft(USAGE_EVENTS, str(row.tenant_id), event)


def changed(rows: Sequence[Any], published: Calls) -> list[Any]:
    return [row for row in rows if published.get((row.tenant_id, row.day)) != row.calls]


def report_failed_pass(error: Exception) -> None:
    log.warning("usage_report_failed", outage=is_outage(error), exc_info=error)
