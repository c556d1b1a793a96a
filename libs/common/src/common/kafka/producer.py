"""The one producer: acks=all, idempotent, the partitioner that Faust's client shares.

An asyncio face on librdkafka: delivery reports arrive on a thread and wake the loop once per burst,
not once per message. The thread sleeps while nothing is on its way.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Librdkafka

from common.kafka.kafka_access import client_config, report_refusal
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import LARGEST_MESSAGE, Topic

log = structlog.get_logger()
Headers = Sequence[tuple[str, bytes]]
Delivered = asyncio.Future[None]
OnReport = Callable[[KafkaException | None], None]
QUEUE_BYTES = 128 << 20
FLUSH_SECONDS = 5.0
POLL_SECONDS = 0.2  # a report ends it at once; a stop waits for it
REPORTS_MS = 100  # how long reports are gathered where no one waits for an ack
IDLE_SECONDS = 5.0  # how late a fatal error is noticed when nothing is sent

# librdkafka's own default places keys elsewhere than Faust, aiokafka and Java do.
PARTITIONER = "murmur2_random"


def producer_config(kafka: KafkaSettings, *, deadline_ms: int, linger_ms: float) -> dict[str, Any]:
    """deadline_ms 0: try without end, so that the order per key outlives any outage."""
    return {
        **client_config(kafka),
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": PARTITIONER,
        "linger.ms": linger_ms,
        "message.timeout.ms": deadline_ms,
        "message.max.bytes": LARGEST_MESSAGE,
        "queue.buffering.max.messages": 100_000,
        "queue.buffering.max.kbytes": QUEUE_BYTES >> 10,
    }


class RecordProducer(Protocol):
    """What those who publish ask of a producer; see Producer.send."""

    def send(
        self, topic: Topic, key: str, value: bytes | None, headers: Headers = ()
    ) -> Delivered: ...

    def produce(
        self,
        topic: Topic,
        key: str,
        value: bytes | None,
        headers: Headers,
        on_report: OnReport,
    ) -> None: ...


class Producer:
    """A Component. `send` returns a future that ends when all in-sync replicas have the record.

    An error that ends librdkafka's producer (its sequence numbers no longer fit the broker's log,
    for example) ends the process: nothing that is sent afterwards would ever be reported.
    https://github.com/confluentinc/librdkafka/issues/3584
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        life: Lifecycle,
        *,
        deadline_ms: int = 30_000,
        linger_ms: float = 0,
        reports_ms: int = 0,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        """`reports_ms`: how long reports are gathered; each burst wakes two threads. `queue_bytes`:
        of records whose report is to come."""
        self._config = producer_config(kafka, deadline_ms=deadline_ms, linger_ms=linger_ms)
        self._topic_name = kafka.topic_name
        self._config["queue.buffering.max.kbytes"] = queue_bytes >> 10
        self._life = life
        self._gather_seconds = reports_ms / 1000
        self._reports: deque[tuple[Delivered, KafkaException | None]] = deque()
        self._unacked: set[Delivered] = set()
        self._stopping = threading.Event()
        self._sent = threading.Event()  # since the thread last looked
        self._wake_pending = False
        self._failed = False
        self._thread = threading.Thread(target=self._poll, name="producer", daemon=True)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._librdkafka = Librdkafka(self._config)
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        self._sent.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join)
            await asyncio.to_thread(self._flush)

    @property
    def waiting(self) -> int:
        """Records sent whose report is to come."""
        return 0 if self._failed else len(self._librdkafka)

    def send(self, topic: Topic, key: str, value: bytes | None, headers: Headers = ()) -> Delivered:
        """Loop thread only. Raises at once BufferError when the queue is full, KafkaException after
        a fatal error.

        The future raises KafkaException when the deadline passes; the record may still arrive.
        """
        delivered: Delivered = self._loop.create_future()

        def on_report(error: KafkaException | None) -> None:
            self._reports.append((delivered, error))
            if not self._wake_pending:
                self._wake_pending = True
                self._loop.call_soon_threadsafe(self._deliver)

        self.produce(topic, key, value, headers, on_report)
        self._unacked.add(delivered)
        return delivered

    def produce(
        self,
        topic: Topic,
        key: str,
        value: bytes | None,
        headers: Headers,
        on_report: OnReport,
    ) -> None:
        """The same from any thread; `on_report(error)` is called in the producer's thread, and not
        at all after a fatal error."""

        def report(error: KafkaError | None, _: Message) -> None:
            if error:
                report_refusal(error, topic.name)
            on_report(KafkaException(error) if error else None)

        self._librdkafka.produce(
            self._topic_name(topic.name),
            value,
            key=key.encode(),
            headers=list(headers),
            on_delivery=report,
        )
        if not self._sent.is_set():
            self._sent.set()

    def reachable(self, topic: Topic) -> bool:
        """Whether the broker answers and has the topic. Blocks for up to a second: ask from a
        thread."""
        name = self._topic_name(topic.name)
        try:
            error = self._librdkafka.list_topics(name, timeout=1).topics[name].error
        except KafkaException:
            return False
        if error:
            report_refusal(error, topic.name)
        return error is None

    def _flush(self) -> None:
        """After a fatal error there is nothing to wait for."""
        with suppress(KafkaException):
            self._librdkafka.flush(FLUSH_SECONDS)

    def _poll(self) -> None:
        try:
            while not self._stopping.is_set():
                self._life.health.beat("producer")
                seconds = POLL_SECONDS if self._sent.wait(IDLE_SECONDS) else 0
                self._sent.clear()
                self._poll_until_idle(seconds)
        except Exception as error:
            log.error("producer_failed", exc_info=error)
            self._failed = True
            self._life.fatal("producer_failed")
            self._loop.call_soon_threadsafe(self._fail_unacked, error)
        finally:
            self._life.health.retire("producer")

    def _poll_until_idle(self, seconds: float) -> None:
        """Raises KafkaException after a fatal error."""
        while self._librdkafka.poll(seconds) or len(self._librdkafka):
            self._life.health.beat("producer")
            if self._stopping.wait(self._gather_seconds):
                return

    def _deliver(self) -> None:
        self._wake_pending = False  # first: a report that comes from now on wakes again
        while self._reports:
            delivered, error = self._reports.popleft()
            self._unacked.discard(delivered)
            if delivered.done():
                continue
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(error)

    def _fail_unacked(self, error: Exception) -> None:
        """librdkafka reports no record any more: whoever waits for one learns it here."""
        for delivered in self._unacked:
            if not delivered.done():
                delivered.set_exception(error)
        self._unacked.clear()
