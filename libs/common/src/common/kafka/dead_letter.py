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

from common.kafka.producer import Sending
from common.kafka.record import Record
from common.service import metrics
from common.topics import BY_NAME, dlq_of

log = structlog.get_logger()
IN_A_ROW = 10
SHARE = 0.05
WINDOW_SECONDS = 300.0
PREFIX = "dlq-"
ACK_SECONDS = 1.0


class Outage(RuntimeError):
    """Waiting and trying again is right: never a dead letter, never an end."""


class TooManyDeadLetters(RuntimeError):
    """A sign that we are wrong, not the records: stop before the topic is drained into the DLQ."""


@dataclass
class Allowance:
    """Counts one partition's records: more than 10 dead in a row, or 5 % in 5 minutes, is too many.

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


class DeadLetters:
    """Publishes dead records; keeps an Allowance per partition."""

    def __init__(self, service: str, producer: Sending, loop: asyncio.AbstractEventLoop) -> None:
        self._service, self._producer, self._loop = service, producer, loop
        self._allowances: dict[tuple[str, int], Allowance] = {}
        self._sending: dict[tuple[str, int, int], Future[None]] = {}

    def stored(self, records: Iterable[Record]) -> None:
        for place, count in Counter(record.place for record in records).items():
            self._allowance(place).stored(count, monotonic())

    def bury(self, record: Record, reason: str, detail: str) -> None:
        """From a consumer's thread; returns when the broker has it. Raises TooManyDeadLetters.

        Raises Outage after a second without the broker: call again, the same copy is on its way.
        """
        self._acked(record, reason, detail)
        metrics.DEAD_LETTERS.labels(record.topic, reason).inc()
        log.warning("dead_letter", topic=record.topic, offset=record.offset, reason=reason)
        allowance = self._allowance(record.place)
        allowance.dead(monotonic())
        if allowance.exceeded:
            raise TooManyDeadLetters(f"{record.topic}[{record.partition}] at {record.offset}")

    def _acked(self, record: Record, reason: str, detail: str) -> None:
        at = (*record.place, record.offset)
        if at not in self._sending:
            send = self._send(record, reason, detail)
            self._sending[at] = asyncio.run_coroutine_threadsafe(send, self._loop)
        try:
            self._sending[at].result(ACK_SECONDS)
        except TimeoutError as error:
            raise Outage from error
        except (KafkaException, BufferError) as error:
            del self._sending[at]
            raise Outage from error
        del self._sending[at]

    async def _send(self, record: Record, reason: str, detail: str) -> None:
        headers = [*record.headers.items(), *marks(record, self._service, reason, detail)]
        key = (record.key or b"").decode("utf-8", "replace")
        await self._producer.send(dlq_of(BY_NAME[record.topic]), key, record.value, headers)

    def _allowance(self, place: tuple[str, int]) -> Allowance:
        return self._allowances.setdefault(place, Allowance())


def marks(record: Record, service: str, reason: str, detail: str) -> list[tuple[str, bytes]]:
    said = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "service": service,
        "reason": reason,
        "detail": detail[:500],
    }
    return [(f"{PREFIX}{name}", value.encode()) for name, value in said.items()]
