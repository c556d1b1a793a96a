"""Components that run inside a test, in its own loop, and stand-ins that record."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from common.service.lifecycle import Component, Lifecycle
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
    build: Callable[[RecordingLifecycle], Sequence[Component]], service: str = "tests"
) -> AsyncIterator[RecordingLifecycle]:
    """Starts them in order, stops them in reverse."""
    life = RecordingLifecycle(service)
    started: list[Component] = []
    try:
        for component in build(life):
            started.append(component)
            await component.start()
        yield life
    finally:
        for component in reversed(started):
            await component.stop()


@dataclass
class FakeProducer:
    """Keeps what it gets; acks at once, or when told (`hold`, then `ack` or `lose`)."""

    hold: bool = False
    full: bool = False
    sent: list[tuple[str, str, bytes | None]] = field(default_factory=list)
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    def send(
        self, topic: Topic, key: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> "asyncio.Future[None]":
        if self.full:
            raise BufferError("Local: Queue full")
        ack: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((topic.name, key, value))
        if self.hold:
            self.waiting.append(ack)
        else:
            ack.set_result(None)
        return ack
