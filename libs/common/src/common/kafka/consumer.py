"""The one consumer loop: poll a batch, hand it to the handler, store the offsets after.

One thread per topic. The handler writes a whole batch in one database transaction; only this loop
commits, retries or dead-letters. What always fails alone is found by splitting the batch.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Generic, TypeVar

import structlog

from common.events import Event, Undecodable
from common.kafka.dead_letter import DeadLetters, Outage, TooManyDeadLetters
from common.kafka.progress import CHECK_SECONDS, Progress
from common.kafka.record import Record
from common.kafka.subscription import Subscription, group_of
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.service.settings import KafkaSettings
from common.topics import Topic

log = structlog.get_logger()
E = TypeVar("E", bound=Event)
Handle = Callable[[Sequence[E]], None]
TRIES = 3
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
STOP_SECONDS = 20.0  # a handler's transaction is cut after 5 s and tried twice; then `close`


class BatchConsumer(Generic[E]):
    """A Component. `wait_reason` says why an error of the handler means "wait" (database down,
    rights missing), or None; `is_timeout` which of them may be due to the size of the batch.

    Not ready while it waits, or is outside its group for a minute; is_check False: for a service
    that serves also without a broker. Records that wait for a minute while nothing moves end the
    process.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: Topic,
        event: type[E],
        handle: Handle[E],
        *,
        life: Lifecycle,
        dead_letters: DeadLetters,
        wait_reason: Callable[[BaseException], str | None],
        is_timeout: Callable[[BaseException], bool] = lambda _: False,
        gather_ms: int = 0,
        is_check: bool = True,
    ) -> None:
        """`gather_ms`: for what is not urgent, larger batches that waited so long at most."""
        self._topic = topic
        self._name = f"consumer:{topic.name}"  # of its beat and its check
        self._event = event
        self._handle = handle
        self._life = life
        self._dead_letters = dead_letters
        self._wait_reason = wait_reason
        self._is_timeout = is_timeout
        self._is_check = is_check
        self._subscription = Subscription(
            kafka, group_of(life.service, topic), topic, gather_ms=gather_ms
        )
        self._stopping = threading.Event()
        self._waits_for: str | None = None
        # Of the current batch: dead-lettered records, and the next offset of each partition.
        self._dead: set[tuple[int, int]] = set()
        self._next: dict[int, int] = {}
        self._progress = Progress()
        self._batch_size = 0  # records that were polled
        self._lag = 0
        self._measured_at = 0.0
        self._checks = Periodic(self.check, CHECK_SECONDS, self._report_failed_check)
        self._thread = threading.Thread(target=self._run, name=topic.name, daemon=True)

    async def start(self) -> None:
        if self._is_check:
            self._life.health.expect(self._name, self._is_ready)
        self._subscription.open()
        self._thread.start()
        await self._checks.start()

    async def stop(self) -> None:
        """Ends the batch in hand. Raises TimeoutError."""
        await self._checks.stop()
        self._stopping.set()
        if self._thread.ident is not None:
            await self._life.loop.run_in_executor(None, self._thread.join, STOP_SECONDS)
            if self._thread.is_alive():
                raise TimeoutError

    def _is_ready(self) -> bool:
        return self._waits_for is None and self._progress.is_member

    async def check(self) -> None:
        """Each 5 s: whether it moves."""
        self._progress.check(
            lag=max(self._lag, self._batch_size),
            is_member=self._subscription.is_member,
            waits=self._waits_for is not None,
        )
        if self._progress.is_stalled:
            log.error("consumer_stalled", topic=self._topic.name, batch=self._batch_size)
            self._life.fatal("consumer_stalled")

    def _report_failed_check(self, error: Exception) -> None:
        log.warning("consumer_check_failed", topic=self._topic.name, exc_info=error)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._life.health.beat(self._name)
                batch = self._subscription.poll()
                self._measure_lag()
                if batch:
                    self._progress.move()
                    self._batch_size = len(batch)
                    self._process(batch)
                    self._batch_size = 0
        except TooManyDeadLetters as error:
            self._life.fatal(f"too_many_dead_letters {error}")
        except Exception as error:
            log.error("consumer_failed", topic=self._topic.name, exc_info=error)
            self._life.fatal("consumer_failed")
        finally:
            self._life.health.retire(self._name)
            self._subscription.close()

    def _measure_lag(self) -> None:
        """In this thread: from another, a call of the client hangs while this one polls."""
        if monotonic() > self._measured_at + CHECK_SECONDS:
            self._measured_at, self._lag = monotonic(), self._subscription.lag()
            metrics.CONSUMER_LAG.labels(self._topic.name).set(self._lag)

    def _process(self, batch: list[Record]) -> None:
        """Returns when every record of the batch is stored, dead-lettered or another member's."""
        wait = FIRST_WAIT
        self._dead.clear()
        self._next.clear()
        while not self._stopping.is_set():
            batch = self._subscription.owned(batch)
            try:
                self._store([record for record in batch if position(record) not in self._dead])
            except Outage as outage:
                self._pause(wait, str(outage))
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                self._resume()
                self._life.crash_points.reached("consumer.stored")
                ends = {record.partition: record.offset + 1 for record in batch}
                self._subscription.store_offsets(ends)
                return

    def _store(self, batch: list[Record]) -> None:
        """An undecodable record is given up in its turn: what stands before it is stored first."""
        pairs: list[tuple[Record, E]] = []
        for record in batch:
            try:
                pairs.append((record, self._event.decode(record.value)))
            except Undecodable as error:
                self._store_or_split(pairs)
                pairs = []
                self._give_up(record, "undecodable", str(error))
        self._store_or_split(pairs)

    def _give_up(self, record: Record, reason: str, detail: str) -> None:
        """Too many end the process, but none of them is dead-lettered again by the next one."""
        try:
            self._dead_letters.publish_and_wait(record, reason, detail)
        except TooManyDeadLetters:
            self._note_next([record])
            self._subscription.store_offsets(self._next)
            raise
        self._dead.add(position(record))
        self._note_next([record])

    def _note_next(self, records: Iterable[Record]) -> None:
        self._next.update((record.partition, record.offset + 1) for record in records)

    def _store_or_split(self, pairs: list[tuple[Record, E]]) -> None:
        """Splits on failure, first half first, so that the order of a key is kept."""
        if not pairs:
            return
        error = self._call_handler([event for _, event in pairs], TRIES if len(pairs) == 1 else 1)
        if error is None:
            metrics.CONSUMED.labels(self._topic.name).inc(len(pairs))
            self._dead_letters.count_stored(record for record, _ in pairs)
            self._note_next(record for record, _ in pairs)
        elif len(pairs) == 1:
            log.error("record_failed", topic=self._topic.name, exc_info=error)
            self._give_up(pairs[0][0], "always_fails", type(error).__name__)
        else:
            middle = len(pairs) // 2
            self._store_or_split(pairs[:middle])
            self._store_or_split(pairs[middle:])

    def _call_handler(self, events: list[E], tries: int) -> Exception | None:
        """The last error, None after a success. Raises Outage, but not for a batch that took too
        long: half of it may not."""
        error: Exception | None = None
        for _ in range(tries):
            self._life.health.beat(self._name)
            self._progress.move()
            try:
                self._handle(events)
                return None
            except Exception as caught:
                too_long = len(events) > 1 and self._is_timeout(caught)
                if not too_long and (reason := self._wait_reason(caught)):
                    raise Outage(reason) from caught
                error = caught
        return error

    def _pause(self, seconds: float, reason: str) -> None:
        """Keeps polling while paused, to stay in the group."""
        if reason != self._waits_for:
            log.warning("consumer_waits", topic=self._topic.name, reason=reason)
            metrics.OUTAGES.labels(self._topic.name, reason).inc()
        self._waits_for = reason
        self._life.health.beat(self._name)
        self._subscription.pause(seconds)

    def _resume(self) -> None:
        if self._waits_for:
            log.info("consumer_resumes", topic=self._topic.name)
            self._subscription.resume()
        self._waits_for = None


def position(record: Record) -> tuple[int, int]:
    return record.partition, record.offset
