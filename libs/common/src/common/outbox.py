"""Events written in the transaction that causes them, published right after it commits.

The committing process publishes: no leader, no poll, no added wait. Rows are deleted once the
broker has them. A sweep takes over what a dead process left. Order per key: rows of one key are
written under their owner's row lock, so ids follow commit order, and whoever publishes a key
first publishes its older unpublished rows.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog
from confluent_kafka import KafkaException
from sqlalchemy import Connection

from common.events import Event
from common.kafka.producer import Delivered, Sending
from common.postgres.batch_statements import NO_WAIT, Statement, execute_together
from common.postgres.database import Work, is_outage
from common.service import metrics
from common.service.tracing import trace_headers
from common.topics import BY_NAME, Topic

log = structlog.get_logger()
T = TypeVar("T")
DELETE_EVERY = 0.2
REMEMBERED_SECONDS = 10.0  # longer than a transaction lasts
SWEEP_EVERY = 1.0
ORPHAN_SECONDS = 10.0
SWEEP_ROWS = 1000
LANDING_SECONDS = 5.0  # and as long in the producer: a drain must end within its grace

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

COLUMNS = "id, topic, key, payload, trace_id"
INSERT = f"""
with new as (
  insert into outbox (topic, key, payload, trace_id)
  select t, k, p, r from unnest(%(topic)s::text[], %(key)s::text[], %(payload)s::bytea[],
    %(trace_id)s::text[]) with ordinality u(t, k, p, r, o) order by o
  returning {COLUMNS})
select {COLUMNS} from outbox where key = any(%(key)s::text[])
union all select * from new order by id
"""
ORPHANS = f"""
select {COLUMNS} from outbox
where (created_at < now() - %(age)s * interval '1 second' or key = any(%(held)s::text[]))
  and not id = any(%(flying)s::bigint[])
order by id limit {SWEEP_ROWS}
"""


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


def add(
    connection: Connection, drafts: Sequence[EventDraft], after: Sequence[Statement] = ()
) -> list[OutboxRow]:
    """Writes the drafts in the caller's transaction, in one round trip with `after`'s statements.

    Returns what to publish after the commit: they, and older unpublished rows of the same keys
    (almost always none), in the order to publish.
    """
    if not drafts:
        if after:
            execute_together(connection, after)
        return []
    columns = {
        "topic": [one.topic.name for one in drafts],
        "key": [one.key for one in drafts],
        "payload": [one.event.encode() if one.event else None for one in drafts],
        "trace_id": [one.trace_id for one in drafts],
    }
    return rows_of(execute_together(connection, [*after, (INSERT, columns)]))


def rows_of(found: Any) -> list[OutboxRow]:
    return [
        OutboxRow(id, topic, key, bytes(payload) if payload is not None else None, trace_id)
        for id, topic, key, payload, trace_id in found
    ]


class Storing(Protocol):
    """What the outbox asks of a database; see Database."""

    async def transaction(self, work: Work[T]) -> T: ...

    async def transaction_with_retry(self, work: Work[T]) -> T: ...


class Outbox:
    """A Component: publishes rows, deletes acked ones, sweeps orphans. Loop thread only."""

    def __init__(self, database: Storing, producer: Sending) -> None:
        self._database, self._producer = database, producer
        self._flying: set[int] = set()
        self._sent: set[int] = (
            set()
        )  # flying, or gone so lately that a transaction may still see it
        self._acked: list[int] = []
        self._held: set[str] = set()  # keys that wait for their older row
        self._skipped: set[str] = set()  # held keys that got a newer row since the last sweep
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._delete()), asyncio.create_task(self._sweeps())]

    async def stop(self) -> None:
        """Waits until what flies has landed, then deletes it; the rest is for the next sweep."""
        self._stopping = True
        self._wake.set()
        deleting, sweeping = self._tasks
        sweeping.cancel()
        await asyncio.wait({deleting}, timeout=LANDING_SECONDS)
        deleting.cancel()

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """After the commit. Keeps the order per key; a held key waits for the sweep."""
        for row in rows:
            if row.key in self._held:
                self._skipped.add(row.key)
            elif row.id not in self._sent:
                self._send(row)

    def _send(self, row: OutboxRow) -> bool:
        try:
            sent = self._producer.send(
                BY_NAME[row.topic], row.key, row.payload, trace_headers(row.trace_id)
            )
        except (BufferError, KafkaException):
            self._hold(row)
            return False
        self._flying.add(row.id)
        self._sent.add(row.id)
        sent.add_done_callback(lambda delivered: self._landed(row, delivered))
        return True

    def _landed(self, row: OutboxRow, delivered: Delivered) -> None:
        if delivered.cancelled() or delivered.exception():
            self._flying.discard(row.id)
            self._sent.discard(row.id)
            self._hold(row)
        else:
            self._acked.append(row.id)
            self._wake.set()

    def _hold(self, row: OutboxRow) -> None:
        metrics.OUTBOX_FAILED.inc()
        self._held.add(row.key)

    async def _delete(self) -> None:
        while not (self._stopping and not self._flying):
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(DELETE_EVERY)
            if self._acked:
                ids, self._acked = self._acked, []
                await self._database.transaction_with_retry(partial(delete, ids=ids))
                self._flying.difference_update(ids)
                asyncio.get_running_loop().call_later(
                    REMEMBERED_SECONDS, self._sent.difference_update, ids
                )
                metrics.OUTBOX_PUBLISHED.inc(len(ids))
            if self._stopping:
                self._wake.set()

    async def _sweeps(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                await self.sweep()
            except Exception as error:
                log.warning("outbox_sweep_waits", outage=is_outage(error), exc_info=error)

    async def sweep(self) -> None:
        """One pass over held keys and over what a dead process left."""
        held, self._skipped = set(self._held), set()
        wanted = {"age": ORPHAN_SECONDS, "held": list(held), "flying": list(self._flying)}
        rows = await self._database.transaction(partial(orphans, wanted=wanted))
        self._held -= held - self._skipped
        self._publish_orphans(rows)

    def _publish_orphans(self, rows: Sequence[OutboxRow]) -> None:
        """Also of held keys: these are their older rows."""
        failed: set[str] = set()
        for row in rows:
            if row.key not in failed and row.id not in self._sent and not self._send(row):
                failed.add(row.key)


def orphans(connection: Connection, wanted: dict[str, Any]) -> list[OutboxRow]:
    return rows_of(connection.exec_driver_sql(ORPHANS, wanted))


def delete(connection: Connection, ids: Sequence[int]) -> None:
    """Losing this commit costs a second copy, so it need not wait for the disk."""
    connection.exec_driver_sql(
        f"{NO_WAIT} delete from outbox where id = any(%(ids)s)",
        {"ids": list(ids)},
    )
