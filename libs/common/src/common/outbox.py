"""Events written in the transaction that causes them, published right after it commits.

The committing thread publishes: no leader, no poll, no added wait. Rows are deleted once the
broker has them. A sweep takes over what a dead process left. Order per key: rows of one key are
written under their owner's row lock, so ids follow commit order, and whoever publishes a key
first publishes its older unpublished rows; those that another process has just written are left
to it for a moment. A row that fails holds its key back until it has arrived; one that can never
arrive is moved to `outbox_refused`, and its key goes on.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Protocol, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException

from common.held_keys import FIRST_WAIT, LONGEST_WAIT, HeldKeys
from common.kafka.producer import RecordProducer
from common.outbox_refused import Refusal, code_of, is_final, set_aside
from common.outbox_rows import SWEEP_ROWS, OutboxRow, delete, read_orphans
from common.postgres.connection import SqlConnection
from common.postgres.errors import is_outage
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.service.tracing import trace_headers
from common.topics import BY_NAME

log = structlog.get_logger()
T = TypeVar("T")
DELETE_EVERY = 1.0
REMEMBERED_SECONDS = 10.0  # longer than a transaction lasts
SWEEP_EVERY = 1.0
ORPHANS_EVERY = 5.0
STOPPING_SECONDS = 0.05  # between looks whether all has arrived
DELIVERY_SECONDS = 5.0  # and as long in the producer: a drain must end within its grace


class Transactions(Protocol):
    """What the outbox asks of a database; see Database and tenant-admin's."""

    async def transaction(self, body: Callable[[SqlConnection], T]) -> T: ...

    async def transaction_with_retry(self, body: Callable[[SqlConnection], T]) -> T: ...


class Outbox:
    """A Component: publishes rows, deletes acked ones, sweeps orphans.

    `publish` may be called from any thread; acks come in the producer's thread.
    """

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
        self._clock = clock
        self._lock = threading.RLock()  # of all that follows
        self._held = HeldKeys(clock)
        self._in_flight: set[int] = set()
        # In flight, or gone so lately that a transaction may still see it.
        self._sent: set[int] = set()
        self._acked: list[int] = []
        self._refused: list[Refusal] = []
        self._stopping = asyncio.Event()
        self._orphans_at = clock() + ORPHANS_EVERY
        self._sweeps = Periodic(
            self.sweep, SWEEP_EVERY, report_failed_sweep, first_after=SWEEP_EVERY
        )
        self._removing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._removing = asyncio.create_task(self._remove_ended())
        self._life.end_with(self._removing, "outbox_delete_failed")
        await self._sweeps.start()

    async def stop(self) -> None:
        """Waits until what is in flight or held has arrived, then deletes it; the rest is for
        another process's sweep."""
        await self._sweeps.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._sweep_held(), DELIVERY_SECONDS)
        self._stopping.set()
        await self._end_removing()

    async def _sweep_held(self) -> None:
        """Until a sweep fails: then the database is away too."""
        try:
            while self._held:
                await asyncio.sleep(SWEEP_EVERY / 4)
                await self.sweep()
        except Exception as error:  # noqa: BLE001 - it is logged
            report_failed_sweep(error)

    async def _end_removing(self) -> None:
        if self._removing:
            await asyncio.wait({self._removing}, timeout=DELIVERY_SECONDS)
            self._removing.cancel()

    def publish(self, rows: Sequence[OutboxRow]) -> None:
        """After the commit. Keeps the order per key; a held key waits for the sweep."""
        if rows:
            self._life.crash_points.reached("outbox.stored")
        with self._lock:
            for row in rows:
                if row.id in self._sent:
                    continue
                if row.is_anothers:
                    self._held.hold(row.key, FIRST_WAIT)
                if row.key in self._held:
                    self._held.skip(row.key)
                else:
                    self._send(row)

    def publish_left(self, keys: Iterable[str]) -> None:
        """The unpublished rows of these keys, by the next sweep: their writer lost the answer to
        its commit."""
        with self._lock:
            for key in keys:
                self._held.hold(key, FIRST_WAIT)

    def _send(self, row: OutboxRow) -> bool:
        """Whether newer rows of its key may follow."""
        self._in_flight.add(row.id)
        self._sent.add(row.id)
        try:
            self._producer.produce(
                BY_NAME[row.topic],
                row.key,
                row.payload,
                trace_headers(row.trace_id),
                partial(self._on_report, row),
            )
        except (BufferError, KafkaException) as error:
            return self._on_failed(row, error)
        return True

    def _on_report(self, row: OutboxRow, error: KafkaException | None) -> None:
        with self._lock:
            if error:
                self._on_failed(row, error)
            else:
                self._held.arrived(row.key)
                self._acked.append(row.id)

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

    def _hold(self, row: OutboxRow, code: KafkaError | None) -> None:
        metrics.OUTBOX_FAILED.inc()
        if not self._held:
            log.warning("outbox_waits", topic=row.topic, reason=code.name() if code else "no room")
        self._held.hold(row.key, LONGEST_WAIT if code else FIRST_WAIT)

    async def _remove_ended(self) -> None:
        while not (self._stopping.is_set() and not self._in_flight):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DELETE_EVERY)
            if self._stopping.is_set():
                await asyncio.sleep(STOPPING_SECONDS)
            with self._lock:
                ids, self._acked = self._acked, []
                refusals, self._refused = self._refused, []
            if ids:
                self._life.crash_points.reached("outbox.published")
                await self._database.transaction_with_retry(partial(delete, ids=ids))
                metrics.OUTBOX_PUBLISHED.inc(len(ids))
                self._forget(ids)
            if refusals:
                await self._database.transaction_with_retry(partial(set_aside, refusals=refusals))
                self._forget([refusal.id for refusal in refusals])

    def _forget(self, ids: Sequence[int]) -> None:
        """A transaction that began before they went may still see them."""
        with self._lock:
            self._in_flight.difference_update(ids)
        self._life.loop.call_later(REMEMBERED_SECONDS, self._forget_sent, ids)

    def _forget_sent(self, ids: Sequence[int]) -> None:
        with self._lock:
            self._sent.difference_update(ids)

    async def sweep(self) -> float | None:
        """One pass over the held keys that are due and, less often, over what a dead process
        left. 0 where there is more of it, which should not wait."""
        with self._lock:
            due, waiting = self._held.begin_retry()
            values = {"due": due, "waiting": waiting, "in_flight": list(self._in_flight)}
        if not due and self._clock() < self._orphans_at:
            return None
        self._orphans_at = self._clock() + ORPHANS_EVERY
        rows = await self._database.transaction(partial(read_orphans, values=values))
        with self._lock:
            self._held.end_retry(due)
            self._publish_orphans(rows, set(due))
        if len(rows) < SWEEP_ROWS or self._held:
            return None
        self._orphans_at = self._clock()
        return 0.0

    def _publish_orphans(self, rows: Sequence[OutboxRow], due: set[str]) -> None:
        """Also of keys that are still held, if they were due: these are their older rows."""
        failed: set[str] = set()
        for row in rows:
            if row.id in self._sent or row.key in failed:
                continue
            if row.is_anothers:
                self._held.hold(row.key, FIRST_WAIT)
            waits = row.is_anothers or (row.key in self._held and row.key not in due)
            if waits or not self._send(row):
                failed.add(row.key)


def report_failed_sweep(error: Exception) -> None:
    log.warning("outbox_sweep_waits", outage=is_outage(error), exc_info=error)
