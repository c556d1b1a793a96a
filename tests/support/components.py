"""Components that run inside a test, in its own loop, and a producer that records."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException

from common.service.lifecycle import Component, Components, Lifecycle, StopTogether
from common.topics import Topic


class RecordingLifecycle(Lifecycle):
    """Remembers what would have ended the process."""

    def __init__(self, service: str = "tests") -> None:
        super().__init__(service)
        self.fatals: list[str] = []

    def fatal(self, reason: str) -> None:
        self.fatals.append(reason)


@asynccontextmanager
async def running_components(
    build: Callable[[RecordingLifecycle], Components], service: str = "tests"
) -> AsyncIterator[RecordingLifecycle]:
    life = RecordingLifecycle(service)
    async with keep_running(build(life)):
        yield life


@asynccontextmanager
async def keep_running(components: Components) -> AsyncIterator[None]:
    """Starts them in order, stops them in reverse; those that a Lifecycle stops at once, at once:
    each consumer's end waits for its poll."""
    started: list[list[Component]] = []
    try:
        for one in components:
            group: list[Component] = []
            started.append(group)
            for component in one.components if isinstance(one, StopTogether) else [one]:
                group.append(component)
                await component.start()
        yield
    finally:
        for group in reversed(started):
            await asyncio.gather(*(component.stop() for component in group))


@dataclass(frozen=True)
class SentRecord:
    topic: str
    key: str
    value: bytes | None
    headers: dict[str, bytes]
    ack: "Future[None]"


@dataclass
class FakeProducer:
    """Keeps what it gets; acks at once, later (`hold`), never well (`refuse`) or has no room
    (`full`)."""

    hold: bool = False
    refuse: bool = False
    full: bool = False
    records: list[SentRecord] = field(default_factory=list)
    waiting: list["Future[None]"] = field(default_factory=list)

    @property
    def sent(self) -> list[tuple[str, str, bytes | None]]:
        return [(record.topic, record.key, record.value) for record in self.records]

    def send(
        self, topic: Topic, key: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> "asyncio.Future[None]":
        return asyncio.wrap_future(self._record(topic, key, value, headers))

    def produce(
        self,
        topic: Topic,
        key: str,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        on_report: Callable[[KafkaException | None], None],
    ) -> None:
        def report(ack: "Future[None]") -> None:
            error = ack.exception()
            on_report(error if isinstance(error, KafkaException) else None)

        self._record(topic, key, value, headers).add_done_callback(report)

    def _record(
        self, topic: Topic, key: str, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> "Future[None]":
        if self.full:
            raise BufferError("Local: Queue full")
        ack: Future[None] = Future()
        self.records.append(SentRecord(topic.name, key, value, dict(headers), ack))
        if self.refuse:
            ack.set_exception(KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT)))
        elif self.hold:
            self.waiting.append(ack)
        else:
            ack.set_result(None)
        return ack
