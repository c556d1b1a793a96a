"""Events written in the transaction that causes them, published right after it commits.

The committing process publishes: no leader, no poll, no added wait. Rows are deleted once the
broker has them. A sweep takes over what a dead process left. Order per key: rows of one key are
written under their owner's row lock, so ids follow commit order, and whoever publishes a key
first publishes its older unpublished rows. A row that fails holds its key back until it has
arrived; one that can never arrive is moved to `outbox_refused`, and its key goes on.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
import structlog
from confluent_kafka import KafkaError, KafkaException
from sqlalchemy import Connection

from common.events import Event
from common.held_keys import FIRST_WAIT, LONGEST_WAIT, HeldKeys
from common.kafka.producer import Delivered, RecordProducer
from common.outbox_refused import EventTooLarge, Refusal, code_of, is_final, set_aside
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
# What a dead process left, and the rows of held keys whose wait is over.
ORPHANS = f"""
select {COLUMNS} from outbox
where (created_at < now() - %(age)s * interval '1 second' or key = any(%(due)s::text[]))
  and not id = any(%(in_flight)s::bigint[]) and not key = any(%(waiting)s::text[])
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
    for `rows_of`. None without drafts. Raises EventTooLarge."""
    if not drafts:
        return []
    columns = {
        "topic": [draft.topic.name for draft in drafts],
        "key": [draft.key for draft in drafts],
        "payload": [payload_of(draft) for draft in drafts],
        "trace_id": [draft.trace_id for draft in drafts],
    }
    return [(INSERT, columns)]


def payload_of(draft: EventDraft) -> bytes | None:
    """None for a tombstone. Raises EventTooLarge."""
    payload = draft.event.encode() if draft.event else None
    size, limit = len(payload or b""), draft.topic.max_value_bytes
    if size > limit:
        raise EventTooLarge(draft.topic.name, size, limit)
    return payload


def rows_of(rows: Iterable[sa.Row[Any]]) -> list[OutboxRow]:
    """What to publish after the commit: the rows written, and older unpublished rows of the same
    keys (almost always none), in the order to publish."""
    return [
        OutboxRow(row.id, row.topic, row.key, as_bytes(row.payload), row.trace_id) for row in rows
    ]


def as_bytes(payload: memoryview | None) -> bytes | None:
    return None if payload is None else bytes(payload)


def add(connection: Connection, drafts: Sequence[EventDraft]) -> list[OutboxRow]:
    """Writes the drafts in the caller's transaction; returns what to publish after the commit.

    Raises EventTooLarge.
    """
    return rows_of(execute_together(connection, insert_statement(drafts)))


class Transactions(Protocol):
    """What the outbox asks of a database; see Database."""

    async def transaction(self, body: Body[T]) -> T: ...

    async def transaction_with_retry(self, body: Body[T]) -> T: ...


class Outbox:
    """A Component: publishes rows, deletes acked ones, sweeps orphans. Loop thread only."""

    def __init__(
        self,
        database: Transactions,
        producer: RecordProducer,
        life: Lifecycle,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._producer = producer
        self._life = life
        self._held = HeldKeys(clock)
        self._in_flight: set[int] = set()
        # In flight, or gone so lately that a transaction may still see it.
        self._sent: set[int] = set()
        self._acked: list[int] = []
        self._refused: list[Refusal] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._sweeps = Periodic(
            self.sweep, SWEEP_EVERY, report_failed_sweep, first_after=SWEEP_EVERY
        )
        self._removing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._removing = asyncio.create_task(self._remove_ended())
        self._life.end_with(self._removing, "outbox_delete_failed")
        await self._sweeps.start()

    async def stop(self) -> None:
        """Waits until what is in flight has arrived, then deletes it; the rest is for the next
        sweep."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(self._sweeps.stop(), self._end_removing())

    async def _end_removing(self) -> None:
        if self._removing:
            await asyncio.wait({self._removing}, timeout=DELIVERY_SECONDS)
            self._removing.cancel()

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """After the commit. Keeps the order per key; a held key waits for the sweep."""
        for row in rows:
            if row.key in self._held:
                self._held.skip(row.key)
            elif row.id not in self._sent:
                self._send(row)

    def _send(self, row: OutboxRow) -> bool:
        """Whether newer rows of its key may follow."""
        self._in_flight.add(row.id)
        self._sent.add(row.id)
        try:
            delivered = self._producer.send(
                BY_NAME[row.topic], row.key, row.payload, trace_headers(row.trace_id)
            )
        except (BufferError, KafkaException) as error:
            return self._on_failed(row, error)
        delivered.add_done_callback(lambda report: self._on_delivered(row, report))
        return True

    def _on_delivered(self, row: OutboxRow, report: Delivered) -> None:
        error = None if report.cancelled() else report.exception()
        if error or report.cancelled():
            self._on_failed(row, error)
        else:
            self._held.arrived(row.key)
            self._acked.append(row.id)
            self._wake.set()

    def _on_failed(self, row: OutboxRow, error: BaseException | None) -> bool:
        """Whether its key goes on without it."""
        code = code_of(error)
        if code and is_final(code, BY_NAME[row.topic], len(row.payload or b"")):
            self._refuse(row, code.name())
            return True
        self._in_flight.discard(row.id)
        self._sent.discard(row.id)
        self._hold(row, code)
        return False

    def _refuse(self, row: OutboxRow, reason: str) -> None:
        log.error("outbox_row_refused", topic=row.topic, id=row.id, reason=reason)
        metrics.OUTBOX_REFUSED.labels(row.topic).inc()
        self._refused.append(Refusal(row.id, reason))
        self._wake.set()

    def _hold(self, row: OutboxRow, code: KafkaError | None) -> None:
        metrics.OUTBOX_FAILED.inc()
        if not self._held:
            log.warning("outbox_waits", topic=row.topic, reason=code.name() if code else "no room")
        self._held.hold(row.key, LONGEST_WAIT if code else FIRST_WAIT)

    async def _remove_ended(self) -> None:
        while not (self._stopping and not self._in_flight):
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(DELETE_EVERY)
            if self._acked:
                ids, self._acked = self._acked, []
                await self._database.transaction_with_retry(partial(delete, ids=ids))
                metrics.OUTBOX_PUBLISHED.inc(len(ids))
                self._forget(ids)
            if self._refused:
                refusals, self._refused = self._refused, []
                await self._database.transaction_with_retry(partial(set_aside, refusals=refusals))
                self._forget([refusal.id for refusal in refusals])
            if self._stopping:
                self._wake.set()

    def _forget(self, ids: Sequence[int]) -> None:
        """A transaction that began before they went may still see them."""
        self._in_flight.difference_update(ids)
        loop = asyncio.get_running_loop()
        loop.call_later(REMEMBERED_SECONDS, self._sent.difference_update, ids)

    async def sweep(self) -> None:
        """One pass over the held keys that are due and over what a dead process left."""
        due, waiting = self._held.begin_retry()
        in_flight = list(self._in_flight)
        values = {"age": ORPHAN_SECONDS, "due": due, "waiting": waiting, "in_flight": in_flight}
        rows = await self._database.transaction(partial(read_orphans, values=values))
        self._held.end_retry(due)
        self._publish_orphans(rows, set(due))

    def _publish_orphans(self, rows: Sequence[OutboxRow], due: set[str]) -> None:
        """Also of keys that are still held, if they were due: these are their older rows."""
        failed: set[str] = set()
        for row in rows:
            if row.id in self._sent or row.key in failed:
                continue
            if (row.key in self._held and row.key not in due) or not self._send(row):
                failed.add(row.key)


def report_failed_sweep(error: Exception) -> None:
    log.warning("outbox_sweep_waits", outage=is_outage(error), exc_info=error)


def read_orphans(connection: Connection, values: dict[str, Any]) -> list[OutboxRow]:
    return rows_of(connection.exec_driver_sql(ORPHANS, values))


def delete(connection: Connection, ids: Sequence[int]) -> None:
    connection.exec_driver_sql(DELETE, {"ids": list(ids)})
