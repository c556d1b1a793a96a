"""Sends the webhooks of a number that was unknown back to the start once its client exists.

A consumer of `webhooks.quarantine` that keeps places, not bytes, and commits only up to the lowest
place still waiting: a restart finds them all again. At least once; repeats are absorbed downstream.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NotYet
from itertools import groupby
from operator import itemgetter

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.kafka.producer import Producer
from common.kafka.reader import FATAL, reader_config
from common.kafka.record import Record, record_of
from common.kafka.subscription import consumer_config, group_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.topics import WEBHOOKS_QUARANTINE, WEBHOOKS_RAW
from router.parked import Parked, Place
from router.route import NUMBER, REASON

log = structlog.get_logger()
TOPIC = WEBHOOKS_QUARANTINE.name
BATCH = 500
AT_ONCE = 200  # records in memory while they are sent back
BEAT = "release"


class Release:
    """A Component with its own thread, from which `is_known(phone_number_id)` is asked."""

    def __init__(
        self, bootstrap: str, is_known: Callable[[str], bool], producer: Producer, life: Lifecycle
    ) -> None:
        self._bootstrap, self._is_known = bootstrap, is_known
        self._producer, self._life = producer, life
        self._parked = Parked()
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
                self._turn()
        except Exception as error:
            log.error("release_failed", exc_info=error)
            self._life.fatal("release_failed")
        finally:
            self._life.health.retire(BEAT)
            self._consumer.close()

    def _turn(self) -> None:
        for record in self._poll():
            self._look_at(record)
        for number in self._parked.numbers():
            if self._is_known(number):
                self._release(number)
        self._store_offsets()

    def _poll(self) -> list[Record]:
        first = self._consumer.poll(0.2)
        if first is None:  # a message without a value is false
            return []
        messages = [first, *self._consumer.consume(BATCH - 1, 0)]
        return [record_of(message) for message in messages if is_record(message)]

    def _look_at(self, record: Record) -> None:
        self._parked.passed(record.partition, record.offset)
        number = record.headers.get(NUMBER, b"").decode("utf-8", "replace")
        if number and record.headers.get(REASON) == b"unknown_number":
            self._parked.park(number, record.partition, record.offset)

    # ---- letting go -----------------------------------------------------------------------

    def _release(self, number: str) -> None:
        """Keeps the places when stopped before every record was acked: all is done again later."""
        places = self._parked.places(number, most=AT_ONCE)
        sending = asyncio.run_coroutine_threadsafe(self._send(places), self._life.loop)
        while not self._stopping.is_set():
            self._life.health.beat(BEAT)
            try:
                count = sending.result(0.5)
            except NotYet:
                continue
            self._parked.released(number, places)
            metrics.ROUTED.labels("webhook", "released").inc(count)
            log.info("webhooks_released", webhooks=count)
            return

    async def _send(self, places: list[Place]) -> int:
        records = await asyncio.to_thread(self._read_again, places)
        for record in records:
            headers = [(name, value) for name, value in record.headers.items() if name != REASON]
            key = (record.key or b"").decode("utf-8", "replace")
            await self._producer.send(
                WEBHOOKS_RAW, key, record.value, [*headers, ("released", b"1")]
            )
        return len(records)

    def _read_again(self, places: list[Place]) -> list[Record]:
        """The records at these places, in order; those that retention took are gone."""
        reader = Consumer(reader_config(self._bootstrap))
        found: list[Record] = []
        try:
            for partition, places_there in groupby(places, key=itemgetter(0)):
                offsets = [offset for _, offset in places_there]
                reader.assign([TopicPartition(TOPIC, partition, offsets[0])])
                found += self._read_until(reader, offsets)
        finally:
            reader.close()
        return found

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
        """Of what is still ours: a record may be in hand while its partition moves."""
        mine = {partition.partition for partition in self._consumer.assignment()}
        ends = [
            TopicPartition(TOPIC, partition, offset)
            for partition, offset in self._parked.offsets().items()
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
            self._parked.forget(partition.partition)
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
