"""Where a record goes that can never be handled, and when giving up must stop.

`<topic>.dlq` holds the original bytes, key and headers; the added headers say where it stood, who
gave it up and why. Reasons name fields and error types, never content.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic

import structlog
from confluent_kafka import KafkaException

from common.kafka.producer import RecordProducer
from common.kafka.record import OutgoingRecord, Record
from common.service import metrics
from common.topics import BY_NAME, dlq_of

log = structlog.get_logger()
IN_A_ROW = 10
SHARE = 0.05
WINDOW_SECONDS = 300.0
PREFIX = "dlq-"
ACK_SECONDS = 1.0


class Outage(RuntimeError):
    """Waiting and trying again is right: never a dead letter, never an end. Its text is why."""


class TooManyDeadLetters(RuntimeError):
    """A sign that we are wrong, not the records: stop before the topic is drained into the DLQ."""


@dataclass
class Allowance:
    """Counts records: more than 10 dead in a row, or 5 % in 5 minutes, are too many.

    The share counts only from the eleventh dead record on, so a quiet partition with one bad
    record goes on.
    """

    row: int = 0
    recent: deque[tuple[float, int, int]] = field(default_factory=deque)

    def stored(self, count: int, now: float) -> None:
        self.row = 0
        self._add(now, count, 0)

    def dead(self, now: float) -> None:
        self.row += 1
        self._add(now, 0, 1)

    @property
    def exceeded(self) -> bool:
        stored = sum(good for _, good, _ in self.recent)
        dead = sum(bad for _, _, bad in self.recent)
        return self.row > IN_A_ROW or (dead > IN_A_ROW and dead > SHARE * (stored + dead))

    def _add(self, now: float, stored: int, dead: int) -> None:
        if self.recent and now - self.recent[-1][0] < 1:
            at, good, bad = self.recent[-1]
            self.recent[-1] = (at, good + stored, bad + dead)
        else:
            self.recent.append((now, stored, dead))
        while now - self.recent[0][0] > WINDOW_SECONDS:
            self.recent.popleft()


class Allowances:
    """An Allowance per partition, and one for the whole topic: what fails everywhere is our fault,
    however many partitions share it."""

    def __init__(self) -> None:
        self._by_scope: dict[tuple[str, int | None], Allowance] = {}

    def count_stored(self, records: Iterable[Record]) -> None:
        counts = Counter(scope for record in records for scope in scopes_of(record))
        for scope, count in counts.items():
            self._of(scope).stored(count, monotonic())

    def count_dead(self, record: Record) -> bool:
        """Whether this one was one too many."""
        allowances = [self._of(scope) for scope in scopes_of(record)]
        for allowance in allowances:
            allowance.dead(monotonic())
        return any(allowance.exceeded for allowance in allowances)

    def _of(self, scope: tuple[str, int | None]) -> Allowance:
        return self._by_scope.setdefault(scope, Allowance())


def scopes_of(record: Record) -> tuple[tuple[str, int], tuple[str, None]]:
    return record.topic_partition, (record.topic, None)


class DeadLetters:
    """Publishes dead records from a consumer's thread, within their allowance."""

    def __init__(
        self, service: str, producer: RecordProducer, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._service = service
        self._producer = producer
        self._loop = loop
        self._allowances = Allowances()
        self._sending: dict[tuple[str, int, int], Future[None]] = {}

    def count_stored(self, records: Iterable[Record]) -> None:
        self._allowances.count_stored(records)

    def publish_and_wait(self, record: Record, reason: str, detail: str) -> None:
        """Returns when the broker has it. Raises TooManyDeadLetters.

        Raises Outage after a second without the broker: call again, the same copy is on its way.
        """
        self._wait_for_ack(dead_letter(record, self._service, reason, detail), record)
        metrics.DEAD_LETTERS.labels(record.topic, reason).inc()
        log.warning("dead_letter", topic=record.topic, offset=record.offset, reason=reason)
        if self._allowances.count_dead(record):
            raise TooManyDeadLetters(f"{record.topic}[{record.partition}] at {record.offset}")

    def _wait_for_ack(self, letter: OutgoingRecord, record: Record) -> None:
        at = (*record.topic_partition, record.offset)
        if at not in self._sending:
            self._sending[at] = asyncio.run_coroutine_threadsafe(self._send(letter), self._loop)
        try:
            self._sending[at].result(ACK_SECONDS)
        except TimeoutError as error:
            raise Outage("broker") from error
        except (KafkaException, BufferError) as error:
            del self._sending[at]
            raise Outage("broker") from error
        del self._sending[at]

    async def _send(self, letter: OutgoingRecord) -> None:
        await self._producer.send(letter.topic, letter.key, letter.value, letter.headers)


def dead_letter(record: Record, service: str, reason: str, detail: str) -> OutgoingRecord:
    """The record for the DLQ of its topic: the same bytes, with what happened in headers."""
    facts = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "service": service,
        "reason": reason,
        "detail": detail[:500],
    }
    added = [(f"{PREFIX}{name}", value.encode()) for name, value in facts.items()]
    headers = [*record.headers.items(), *added]
    return OutgoingRecord(dlq_of(BY_NAME[record.topic]), record.key_text, record.value, headers)
