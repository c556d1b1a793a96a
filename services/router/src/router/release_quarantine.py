"""Publishes the webhooks of an unknown number once more as soon as its client exists.

A consumer of `webhooks.quarantine` that keeps offsets, not bytes, and commits only up to the lowest
that still waits: a restart finds them all again. At least once; repeats are absorbed downstream.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as NotDoneYet
from contextlib import suppress
from time import monotonic

import structlog

from common.kafka.producer import RecordProducer
from common.kafka.reader import ReadStopped, TopicReader
from common.kafka.record import Record
from common.kafka.subscription import Subscription, group_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_QUARANTINE, WEBHOOKS_RAW
from router.quarantine_index import MOST_PER_NUMBER, NumberPartition, QuarantineIndex
from router.route import NUMBER, REASON

log = structlog.get_logger()
MOST_AT_ONCE = 200  # records in memory while they are published again
TURN_SECONDS = 5.0  # of releasing between two polls
WARN_EVERY_SECONDS = 60.0
BEAT = "release"


class QuarantineRelease:
    """A Component with its own thread, from which `is_known(phone_number_id)` is called."""

    def __init__(
        self,
        kafka: KafkaSettings,
        is_known: Callable[[str], bool],
        producer: RecordProducer,
        life: Lifecycle,
    ) -> None:
        self._kafka = kafka
        self._is_known = is_known
        self._producer = producer
        self._life = life
        self._index = QuarantineIndex()
        self._warn_at = 0.0
        self._subscription = Subscription(
            kafka,
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
            while not self._is_stopping():
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
        known = [place for place in self._index.numbers() if self._is_known(place.number)]
        if known:
            with TopicReader(self._kafka, WEBHOOKS_QUARANTINE.name) as reader:
                self._release(known, reader)
        self._subscription.store_offsets(self._index.committable())

    def _add_to_index(self, record: Record) -> None:
        self._index.mark_read(record.partition, record.offset)
        number = record.header_text(NUMBER)
        is_unknown = record.headers.get(REASON) == b"unknown_number"
        if not number or not is_unknown:
            return
        if not self._index.add(number, record.partition, record.offset):
            metrics.ROUTED.labels("webhook", "quarantine_full").inc()
            self._warn_once_a_minute()

    def _warn_once_a_minute(self) -> None:
        if monotonic() >= self._warn_at:
            self._warn_at = monotonic() + WARN_EVERY_SECONDS
            log.warning("quarantine_full", most=MOST_PER_NUMBER)

    def _release(self, places: list[NumberPartition], reader: TopicReader) -> None:
        """As much as there is time for until the next poll, and at least a portion of each."""
        until = monotonic() + TURN_SECONDS
        for place in places:
            while self._release_portion(place, reader) and monotonic() < until:
                pass

    def _release_portion(self, place: NumberPartition, reader: TopicReader) -> bool:
        """Whether there was one. Keeps the offsets when stopped before every record was acked: all
        is done again later."""
        offsets = self._index.first_offsets(place, MOST_AT_ONCE)
        if not offsets:
            return False
        try:  # what retention deleted is not among the records
            records = list(reader.read_at(place.partition, offsets, self._is_stopping))
        except ReadStopped:
            return False
        if not self._are_published(records):
            return False
        self._index.remove_first(place, len(offsets))
        metrics.ROUTED.labels("webhook", "released").inc(len(records))
        log.info("webhooks_released", webhooks=len(records))
        return True

    def _are_published(self, records: list[Record]) -> bool:
        """False when stopped before every record was acked."""
        publishing = asyncio.run_coroutine_threadsafe(self._publish(records), self._life.loop)
        while not self._is_stopping():
            with suppress(NotDoneYet):
                publishing.result(0.5)
                return True
        return False

    async def _publish(self, records: list[Record]) -> None:
        for record in records:
            headers = [(name, value) for name, value in record.headers.items() if name != REASON]
            await self._producer.send(
                WEBHOOKS_RAW, record.key_text, record.value, [*headers, ("released", b"1")]
            )

    def _is_stopping(self) -> bool:
        """Whoever asks is alive."""
        self._life.health.beat(BEAT)
        return self._stopping.is_set()
