"""Publishes the webhooks of an unknown number once more as soon as its client exists.

A consumer of `webhooks.quarantine` that keeps offsets, not bytes, and commits only up to the lowest
that still waits: a restart finds them all again. At least once; repeats are absorbed downstream.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotDoneYet
from itertools import groupby
from operator import attrgetter

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.kafka.producer import Producer
from common.kafka.reader import FATAL, reader_config
from common.kafka.record import Record, record_of
from common.kafka.subscription import consumer_config, group_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.topics import WEBHOOKS_QUARANTINE, WEBHOOKS_RAW
from router.quarantine_index import QuarantineIndex, RecordOffset
from router.route import NUMBER, REASON

log = structlog.get_logger()
TOPIC = WEBHOOKS_QUARANTINE.name
BATCH = 500
MOST_AT_ONCE = 200  # records in memory while they are published again
BEAT = "release"


class QuarantineRelease:
    """A Component with its own thread, from which `is_known(phone_number_id)` is called."""

    def __init__(
        self, bootstrap: str, is_known: Callable[[str], bool], producer: Producer, life: Lifecycle
    ) -> None:
        self._bootstrap = bootstrap
        self._is_known = is_known
        self._producer = producer
        self._life = life
        self._index = QuarantineIndex()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=BEAT, daemon=True)

    async def start(self) -> None:
        group = group_of(self._life.service, WEBHOOKS_QUARANTINE)
        self._consumer = Consumer(consumer_config(self._bootstrap, group))
        self._consumer.subscribe([TOPIC], on_revoke=self._on_revoke, on_lost=self._on_lost)
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
            self._consumer.close()

    def _poll_and_release(self) -> None:
        for record in self._poll():
            self._add_to_index(record)
        for number in self._index.numbers():
            if self._is_known(number):
                self._release(number)
        self._store_offsets()

    def _poll(self) -> list[Record]:
        first = self._consumer.poll(0.2)
        if first is None:  # a message without a value is false
            return []
        messages = [first, *self._consumer.consume(BATCH - 1, 0)]
        return [record_of(message) for message in messages if is_record(message)]

    def _add_to_index(self, record: Record) -> None:
        self._index.mark_read(record.partition, record.offset)
        number = record.header_text(NUMBER)
        if number and record.headers.get(REASON) == b"unknown_number":
            self._index.add(number, record.partition, record.offset)

    # ---- release --------------------------------------------------------------------------

    def _release(self, number: str) -> None:
        """Keeps the offsets when stopped before every record was acked: all is done again later."""
        positions = self._index.offsets_of(number, most=MOST_AT_ONCE)
        sending = asyncio.run_coroutine_threadsafe(self._send(positions), self._life.loop)
        while not self._stopping.is_set():
            self._life.health.beat(BEAT)
            try:
                count = sending.result(0.5)
            except NotDoneYet:
                continue
            self._index.remove(number, positions)
            metrics.ROUTED.labels("webhook", "released").inc(count)
            log.info("webhooks_released", webhooks=count)
            return

    async def _send(self, positions: list[RecordOffset]) -> int:
        records = await asyncio.to_thread(self._read_at, positions)
        for record in records:
            headers = [(name, value) for name, value in record.headers.items() if name != REASON]
            await self._producer.send(
                WEBHOOKS_RAW, record.key_text, record.value, [*headers, ("released", b"1")]
            )
        return len(records)

    def _read_at(self, positions: list[RecordOffset]) -> list[Record]:
        """The records at these offsets, in order; those that retention deleted are gone."""
        reader = Consumer(reader_config(self._bootstrap))
        records: list[Record] = []
        try:
            for partition, group in groupby(positions, key=attrgetter("partition")):
                offsets = [position.offset for position in group]
                reader.assign([TopicPartition(TOPIC, partition, offsets[0])])
                records += self._read_until(reader, offsets)
        finally:
            reader.close()
        return records

    def _read_until(self, reader: Consumer, offsets: list[int]) -> Iterator[Record]:
        while not self._stopping.is_set():
            message = reader.poll(0.5)
            if message is None:
                continue
            if at_end(message):
                return
            if is_record(message):
                record = record_of(message)
                if record.offset in offsets:
                    yield record
                if record.offset >= offsets[-1]:
                    return

    # ---- offsets and owners ---------------------------------------------------------------

    def _store_offsets(self) -> None:
        """Of what is still ours: a partition may be revoked while its records are handled."""
        mine = {partition.partition for partition in self._consumer.assignment()}
        ends = [
            TopicPartition(TOPIC, partition, offset)
            for partition, offset in self._index.committable().items()
            if partition in mine
        ]
        if ends:
            self._consumer.store_offsets(offsets=ends)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            log.info("commit_skipped", reason=error.args[0].name())
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._index.drop_partition(partition.partition)
        consumer.incremental_unassign(partitions)


def is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal() or error.code() in FATAL:
        raise KafkaException(error)
    log.warning("quarantine_error", reason=error.name())
    return False


def at_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF
