"""Events written in the transaction that causes them, published right after it commits.

The committing process publishes: no leader, no poll, no added wait. Rows are deleted once the
broker has them. A sweep takes over what a dead process left. Order per key: rows of one key are
written under their owner's row lock, so ids follow commit order, and whoever publishes a key
first publishes its older unpublished rows.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
import structlog
from confluent_kafka import KafkaException
from sqlalchemy import Connection

from common.events import Event
from common.kafka.producer import Delivered, RecordProducer
from common.postgres.batch_statements import NO_WAIT, Statement, execute_together
from common.postgres.database import Body, is_outage
from common.postgres.rows import names, unnest
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.service.tracing import trace_headers
from common.topics import BY_NAME, Topic

log = structlog.get_logger()
T = TypeVar("T")
DELETE_EVERY = 0.2
REMEMBERED_SECONDS = 10.0  # longer than a transaction lasts
SWEEP_EVERY = 1.0
ORPHAN_SECONDS = 10.0
SWEEP_ROWS = 1000
DELIVERY_SECONDS = 5.0  # and as long in the producer: a drain must end within its grace

TABLE = """
create table outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  key text not null,
  payload bytea,
  trace_id text not null,
  created_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0);
create index outbox_key on outbox (key, id);
"""

GIVEN = {"topic": "text", "key": "text", "payload": "bytea", "trace_id": "text"}
COLUMNS = names(["id", *GIVEN])

# Writes events; returns them and the older rows of their keys, in the order to publish.
INSERT = f"""
with new as (
  insert into outbox ({names(GIVEN)})
  select {names(GIVEN)} from {unnest(GIVEN)} order by ordinality
  returning {COLUMNS})
select {COLUMNS} from outbox where key = any(%(key)s::text[])
union all select * from new order by id
"""
# What a dead process left, and the rows of keys that wait for their older row.
ORPHANS = f"""
select {COLUMNS} from outbox
where (created_at < now() - %(age)s * interval '1 second' or key = any(%(held)s::text[]))
  and not id = any(%(in_flight)s::bigint[])
order by id limit {SWEEP_ROWS}
"""
# Losing this commit costs a second copy, so it need not wait for the disk.
DELETE = f"{NO_WAIT} delete from outbox where id = any(%(ids)s)"


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to publish. `event` None is a tombstone."""

    topic: Topic
    key: str
    event: Event | None
    trace_id: str


class OutboxRow(NamedTuple):
    id: int
    topic: str
    key: str
    payload: bytes | None
    trace_id: str


def draft(topic: Topic, key: str, event: Event) -> EventDraft:
    return EventDraft(topic, key, event, event.trace_id)


def insert_statement(drafts: Sequence[EventDraft]) -> list[Statement]:
    """The statement that writes the drafts, to run last in the caller's transaction; its rows are
    for `rows_of`. None without drafts."""
    if not drafts:
        return []
    columns = {
        "topic": [draft.topic.name for draft in drafts],
        "key": [draft.key for draft in drafts],
        "payload": [draft.event.encode() if draft.event else None for draft in drafts],
        "trace_id": [draft.trace_id for draft in drafts],
    }
    return [(INSERT, columns)]


def rows_of(rows: Iterable[sa.Row[Any]]) -> list[OutboxRow]:
    """What to publish after the commit: the rows written, and older unpublished rows of the same
    keys (almost always none), in the order to publish."""
    return [
        OutboxRow(row.id, row.topic, row.key, as_bytes(row.payload), row.trace_id) for row in rows
    ]


def as_bytes(payload: memoryview | None) -> bytes | None:
    return None if payload is None else bytes(payload)


def add(connection: Connection, drafts: Sequence[EventDraft]) -> list[OutboxRow]:
    """Writes the drafts in the caller's transaction; returns what to publish after the commit."""
    return rows_of(execute_together(connection, insert_statement(drafts)))


class Transactions(Protocol):
    """What the outbox asks of a database; see Database."""

    async def transaction(self, body: Body[T]) -> T: ...

    async def transaction_with_retry(self, body: Body[T]) -> T: ...


class Outbox:
    """A Component: publishes rows, deletes acked ones, sweeps orphans. Loop thread only."""

    def __init__(self, database: Transactions, producer: RecordProducer, life: Lifecycle) -> None:
        self._database = database
        self._producer = producer
        self._life = life
        self._in_flight: set[int] = set()
        # In flight, or gone so lately that a transaction may still see it.
        self._sent: set[int] = set()
        self._acked: list[int] = []
        self._held: set[str] = set()  # keys that wait for their older row
        self._skipped: set[str] = set()  # held keys that got a newer row since the last sweep
        self._wake = asyncio.Event()
        self._stopping = False
        self._sweeps = Periodic(
            self.sweep, SWEEP_EVERY, report_failed_sweep, first_after=SWEEP_EVERY
        )
        self._deleting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._deleting = asyncio.create_task(self._delete_acked())
        self._life.end_with(self._deleting, "outbox_delete_failed")
        await self._sweeps.start()

    async def stop(self) -> None:
        """Waits until what is in flight has arrived, then deletes it; the rest is for the next
        sweep."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(self._sweeps.stop(), self._end_deleting())

    async def _end_deleting(self) -> None:
        if self._deleting:
            await asyncio.wait({self._deleting}, timeout=DELIVERY_SECONDS)
            self._deleting.cancel()

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """After the commit. Keeps the order per key; a held key waits for the sweep."""
        for row in rows:
            if row.key in self._held:
                self._skipped.add(row.key)
            elif row.id not in self._sent:
                self._send(row)

    def _send(self, row: OutboxRow) -> bool:
        try:
            delivered = self._producer.send(
                BY_NAME[row.topic], row.key, row.payload, trace_headers(row.trace_id)
            )
        except (BufferError, KafkaException):
            self._hold(row)
            return False
        self._in_flight.add(row.id)
        self._sent.add(row.id)
        delivered.add_done_callback(lambda report: self._on_delivered(row, report))
        return True

    def _on_delivered(self, row: OutboxRow, report: Delivered) -> None:
        if report.cancelled() or report.exception():
            self._in_flight.discard(row.id)
            self._sent.discard(row.id)
            self._hold(row)
        else:
            self._acked.append(row.id)
            self._wake.set()

    def _hold(self, row: OutboxRow) -> None:
        metrics.OUTBOX_FAILED.inc()
        self._held.add(row.key)

    async def _delete_acked(self) -> None:
        while not (self._stopping and not self._in_flight):
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(DELETE_EVERY)
            if self._acked:
                ids, self._acked = self._acked, []
                await self._database.transaction_with_retry(partial(delete, ids=ids))
                self._in_flight.difference_update(ids)
                asyncio.get_running_loop().call_later(
                    REMEMBERED_SECONDS, self._sent.difference_update, ids
                )
                metrics.OUTBOX_PUBLISHED.inc(len(ids))
            if self._stopping:
                self._wake.set()

    async def sweep(self) -> None:
        """One pass over held keys and over what a dead process left."""
        held, self._skipped = set(self._held), set()
        values = {"age": ORPHAN_SECONDS, "held": list(held), "in_flight": list(self._in_flight)}
        rows = await self._database.transaction(partial(read_orphans, values=values))
        self._held -= held - self._skipped
        self._publish_orphans(rows)

    def _publish_orphans(self, rows: Sequence[OutboxRow]) -> None:
        """Also of held keys: these are their older rows."""
        failed: set[str] = set()
        for row in rows:
            if row.key not in failed and row.id not in self._sent and not self._send(row):
                failed.add(row.key)


def report_failed_sweep(error: Exception) -> None:
    log.warning("outbox_sweep_waits", outage=is_outage(error), exc_info=error)


def read_orphans(connection: Connection, values: dict[str, Any]) -> list[OutboxRow]:
    return rows_of(connection.exec_driver_sql(ORPHANS, values))


def delete(connection: Connection, ids: Sequence[int]) -> None:
    connection.exec_driver_sql(DELETE, {"ids": list(ids)})
