"""The one consumer loop: poll a batch, hand it over, store the offsets after.

One thread per topic. The handler writes a whole batch in one database transaction; only this loop
commits, retries or dead-letters. What always fails alone is found by splitting the batch.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from common.events import Event, Undecodable
from common.kafka.dead_letter import DeadLetters, Outage, TooManyDeadLetters
from common.kafka.record import Record, record_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.topics import Topic

log = structlog.get_logger()
E = TypeVar("E", bound=Event)
Handle = Callable[[Sequence[E]], None]
BATCH = 500
TRIES = 3
GATHERED_BYTES = 256 << 10
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0


def group_of(service: str, topic: Topic) -> str:
    return f"{service}.{topic.name}"


def consumer_config(bootstrap: str, group: str) -> dict[str, Any]:
    """Offsets are stored by hand after the effect and committed in the background.

    cooperative-sticky is the kinder protocol whose timings are the client's; a killed member's
    partitions move after session.timeout.
    """
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.offset.store": False,
        "enable.auto.commit": True,
        "auto.commit.interval.ms": 1000,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 1000,
        "max.poll.interval.ms": 120_000,
        "fetch.wait.max.ms": 500,
        "max.partition.fetch.bytes": 4 << 20,
        "queued.max.messages.kbytes": 64 << 10,
        "allow.auto.create.topics": False,
        "log_level": 2,
    }


class BatchConsumer(Generic[E]):
    """A Component. `is_outage` says which errors of the handler mean "wait" (database down)."""

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        event: type[E],
        handle: Handle[E],
        *,
        life: Lifecycle,
        dead_letters: DeadLetters,
        is_outage: Callable[[BaseException], bool],
        gather_ms: int = 0,
    ) -> None:
        """`gather_ms`: for what is not urgent, larger batches that waited so long at most."""
        self._topic, self._event, self._handle = topic, event, handle
        self._life, self._dead_letters, self._is_outage = life, dead_letters, is_outage
        self._config = consumer_config(bootstrap, group_of(life.service, topic))
        if gather_ms:
            self._config |= {"fetch.min.bytes": GATHERED_BYTES, "fetch.wait.max.ms": gather_ms}
        self._stopping = threading.Event()
        self._waiting = False
        self._owned: set[int] = set()
        self._buried: set[tuple[int, int]] = set()  # of the batch in hand
        self._thread = threading.Thread(target=self._run, name=topic.name, daemon=True)

    async def start(self) -> None:
        self._consumer = Consumer(self._config)
        self._consumer.subscribe(
            [self._topic.name],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            await self._life.loop.run_in_executor(None, self._thread.join)

    # ---- the loop -------------------------------------------------------------------------

    def _run(self) -> None:
        beat = f"consumer:{self._topic.name}"
        try:
            while not self._stopping.is_set():
                self._life.health.beat(beat)
                if batch := self._poll():
                    self._settle(batch)
        except TooManyDeadLetters as error:
            self._life.fatal(f"too_many_dead_letters {error}")
        except Exception as error:
            log.error("consumer_failed", topic=self._topic.name, exc_info=error)
            self._life.fatal("consumer_failed")
        finally:
            self._life.health.retire(beat)
            self._consumer.close()

    def _poll(self) -> list[Record]:
        """Waits for the first record only: consume(500, t) would wait t for a full batch."""
        first = self._consumer.poll(0.2)
        if first is None:
            return []
        return [
            record_of(message)
            for message in [first, *self._consumer.consume(BATCH - 1, 0)]
            if self._is_record(message)
        ]

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() in FATAL:
            raise KafkaException(error)
        log.warning("consumer_error", topic=self._topic.name, reason=error.name())
        return False

    def _settle(self, batch: list[Record]) -> None:
        """Returns when every record of the batch is stored, dead-lettered or another's."""
        wait = FIRST_WAIT
        self._buried.clear()
        while not self._stopping.is_set():
            batch = [record for record in batch if record.partition in self._owned]
            try:
                self._store([one for one in batch if position(one) not in self._buried])
            except Outage:
                self._pause(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                self._resume()
                self._remember(batch)
                return

    def _store(self, batch: list[Record]) -> None:
        """An undecodable record is given up in its turn: what stands before it is stored first."""
        pairs: list[tuple[Record, E]] = []
        for record in batch:
            try:
                pairs.append((record, self._event.decode(record.value)))
            except Undecodable as error:
                self._hand_over(pairs)
                pairs = []
                self._bury(record, "undecodable", str(error))
        self._hand_over(pairs)

    def _bury(self, record: Record, reason: str, detail: str) -> None:
        self._dead_letters.bury(record, reason, detail)
        self._buried.add(position(record))

    def _hand_over(self, pairs: list[tuple[Record, E]]) -> None:
        """Splits on failure, first half first, so that the order of a key is kept."""
        if not pairs:
            return
        error = self._tried([event for _, event in pairs], TRIES if len(pairs) == 1 else 1)
        if error is None:
            metrics.CONSUMED.labels(self._topic.name).inc(len(pairs))
            self._dead_letters.stored(record for record, _ in pairs)
        elif len(pairs) == 1:
            log.error("record_failed", topic=self._topic.name, exc_info=error)
            self._bury(pairs[0][0], "always_fails", type(error).__name__)
        else:
            middle = len(pairs) // 2
            self._hand_over(pairs[:middle])
            self._hand_over(pairs[middle:])

    def _tried(self, events: list[E], tries: int) -> Exception | None:
        error: Exception | None = None
        for _ in range(tries):
            try:
                self._handle(events)
                return None
            except Exception as caught:
                if self._is_outage(caught):
                    raise Outage from caught
                error = caught
        return error

    def _remember(self, batch: list[Record]) -> None:
        """Stored offsets are committed in the background and when partitions are revoked."""
        ends = {record.partition: record.offset + 1 for record in batch}
        mine = [
            TopicPartition(self._topic.name, partition, offset)
            for partition, offset in ends.items()
            if partition in self._owned
        ]
        if mine:
            self._consumer.store_offsets(offsets=mine)

    # ---- waiting --------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        """Keeps polling while paused, to stay in the group."""
        if not self._waiting:
            log.warning("consumer_waits", topic=self._topic.name)
            metrics.OUTAGES.labels(self._topic.name).inc()
        self._waiting = True
        self._consumer.pause(self._consumer.assignment())
        self._life.health.beat(f"consumer:{self._topic.name}")
        message = self._consumer.poll(seconds)
        if message is not None:  # never `if message`: the length of one without a value is 0
            self._refuse(message)

    def _refuse(self, message: Message) -> None:
        """A record that slipped through the pause is read again later."""
        if message.error() is None:
            self._consumer.seek(
                TopicPartition(self._topic.name, message.partition() or 0, message.offset() or 0)
            )

    def _resume(self) -> None:
        if self._waiting:
            log.info("consumer_resumes", topic=self._topic.name)
            self._consumer.resume(self._consumer.assignment())
        self._waiting = False

    # ---- rebalances -----------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """librdkafka remembers a pause even of a partition that was lost in the meantime."""
        self._owned.update(partition.partition for partition in partitions)
        consumer.incremental_assign(partitions)
        (consumer.pause if self._waiting else consumer.resume)(partitions)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Between batches nothing is in flight: commit what was stored and let go."""
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            log.info("commit_skipped", reason=error.args[0].name())
        self._on_lost(consumer, partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned.difference_update(partition.partition for partition in partitions)
        consumer.incremental_unassign(partitions)


def position(record: Record) -> tuple[int, int]:
    return record.partition, record.offset


FATAL = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
    }
)
