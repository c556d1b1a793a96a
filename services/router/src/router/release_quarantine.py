"""Publishes the webhooks of an unknown number once more as soon as its client exists.

A consumer of `webhooks.quarantine` that keeps offsets, not bytes, and commits only up to the lowest
that still waits: a restart finds them all again. At least once; repeats are absorbed downstream.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotDoneYet
from itertools import groupby
from operator import attrgetter

import structlog

from common.kafka.producer import RecordProducer
from common.kafka.reader import ReadStopped, TopicReader
from common.kafka.record import Record
from common.kafka.subscription import Subscription, group_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.topics import WEBHOOKS_QUARANTINE, WEBHOOKS_RAW
from router.quarantine_index import QuarantineIndex, RecordOffset
from router.route import NUMBER, REASON

log = structlog.get_logger()
MOST_AT_ONCE = 200  # records in memory while they are published again
BEAT = "release"


class QuarantineRelease:
    """A Component with its own thread, from which `is_known(phone_number_id)` is called."""

    def __init__(
        self,
        bootstrap: str,
        is_known: Callable[[str], bool],
        producer: RecordProducer,
        life: Lifecycle,
    ) -> None:
        self._bootstrap = bootstrap
        self._is_known = is_known
        self._producer = producer
        self._life = life
        self._index = QuarantineIndex()
        self._subscription = Subscription(
            bootstrap,
            group_of(life.service, WEBHOOKS_QUARANTINE),
            WEBHOOKS_QUARANTINE,
            on_lost=self._index.drop_partition,
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=BEAT, daemon=True)

    async def start(self) -> None:
        self._subscription.open()
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._life.health.beat(BEAT)
                self._poll_and_release()
        except Exception as error:
            log.error("release_failed", exc_info=error)
            self._life.fatal("release_failed")
        finally:
            self._life.health.retire(BEAT)
            self._subscription.close()

    def _poll_and_release(self) -> None:
        for record in self._subscription.poll():
            self._add_to_index(record)
        for number in self._index.numbers():
            if self._is_known(number):
                self._release(number)
        self._subscription.store_offsets(self._index.committable())

    def _add_to_index(self, record: Record) -> None:
        self._index.mark_read(record.partition, record.offset)
        number = record.header_text(NUMBER)
        if number and record.headers.get(REASON) == b"unknown_number":
            self._index.add(number, record.partition, record.offset)

    def _release(self, number: str) -> None:
        """Keeps the offsets when stopped before every record was acked: all is done again later."""
        positions = self._index.offsets_of(number, most=MOST_AT_ONCE)
        publishing = asyncio.run_coroutine_threadsafe(self._publish(positions), self._life.loop)
        while not self._stopping.is_set():
            self._life.health.beat(BEAT)
            try:
                count = publishing.result(0.5)
            except NotDoneYet:
                continue
            except ReadStopped:
                return
            self._index.remove(number, positions)
            metrics.ROUTED.labels("webhook", "released").inc(count)
            log.info("webhooks_released", webhooks=count)
            return

    async def _publish(self, positions: list[RecordOffset]) -> int:
        records = await asyncio.to_thread(self._read, positions)
        for record in records:
            headers = [(name, value) for name, value in record.headers.items() if name != REASON]
            await self._producer.send(
                WEBHOOKS_RAW, record.key_text, record.value, [*headers, ("released", b"1")]
            )
        return len(records)

    def _read(self, positions: list[RecordOffset]) -> list[Record]:
        """The records at these offsets, in order; those that retention deleted are gone.

        Raises ReadStopped.
        """
        records: list[Record] = []
        with TopicReader(self._bootstrap, WEBHOOKS_QUARANTINE.name) as reader:
            for partition, group in groupby(positions, key=attrgetter("partition")):
                offsets = [position.offset for position in group]
                records += reader.read_at(partition, offsets, self._stopping.is_set)
        return records
