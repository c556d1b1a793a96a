"""The agent's batches, with Faust's stream and producer played by fakes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVarTuple

import pytest
from tests.support.router import a_record
from tests.support.waiting import eventually_async

from common.kafka.record import OutgoingRecord, Record
from common.service.crash_points import CrashPoints
from common.topics import MESSAGES_INBOUND
from devkit.stack.broker_security import GivenKafkaSettings
from router.agent import BATCH, CROWD, WAITING, RouteAgent
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.route import RoutedWebhook

GENERATION = 4
KAFKA = GivenKafkaSettings(kafka_bootstrap_servers="not reached")
Ts = TypeVarTuple("Ts")


def pass_on(record: Record) -> RoutedWebhook:
    outgoing = OutgoingRecord(MESSAGES_INBOUND, "7", record.value or b"", [])
    return RoutedWebhook(records=[outgoing])


def an_event(offset: int, generation: int = GENERATION) -> Any:
    record = a_record(str(offset).encode(), offset=offset)
    return SimpleNamespace(
        message=SimpleNamespace(
            topic=record.topic,
            partition=record.partition,
            offset=offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp=1.0,
            generation_id=generation,
        )
    )


class FakeStream:
    """Gives what is put into `queue`; counts what was taken and remembers what was acked."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.taken = 0
        self.acked: list[int] = []

    def noack(self) -> "FakeStream":
        return self

    async def events(self) -> AsyncIterator[Any]:
        while True:
            event = await self.queue.get()
            self.taken += 1
            yield event

    async def ack(self, event: Any) -> None:
        self.acked.append(event.message.offset)

    def put(self, offsets: range, generation: int = GENERATION) -> None:
        for offset in offsets:
            self.queue.put_nowait(an_event(offset, generation))


@dataclass
class FakeApp:
    """Its producer acks a batch when `allow_acks` says so."""

    allow_acks: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[int] = field(default_factory=list)
    consumer_generation_id: int = GENERATION
    error: Exception | None = None

    @property
    def producer(self) -> Any:
        return SimpleNamespace(_producer=self)

    async def send(self, topic: str, value: bytes, **_: Any) -> Any:
        self.sent.append(int(value))
        return self._acked()

    async def _acked(self) -> None:
        await self.allow_acks.wait()
        if self.error:
            raise self.error


@dataclass
class Running:
    app: FakeApp
    stream: FakeStream
    task: "asyncio.Task[None]"


@contextmanager
def running() -> Iterator[Running]:
    app, stream = FakeApp(), FakeStream()
    agent = RouteAgent(app, KAFKA, RecordProcessor(pass_on, RecentlyRouted(9)), CrashPoints())
    task = asyncio.create_task(agent.consume(stream))
    yield Running(app, stream, task)
    task.cancel()


async def test_what_comes_during_a_delivery_is_the_next_batch_and_nothing_is_acked_before() -> None:
    with running() as agent:
        agent.stream.put(range(1))
        await eventually_async(lambda: agent.app.sent == [0], "the first batch")
        agent.stream.put(range(1, 9))
        await eventually_async(lambda: agent.stream.taken == 9, "the rest to be taken")
        assert (agent.app.sent, agent.stream.acked) == ([0], [])
        agent.app.allow_acks.set()
        await eventually_async(lambda: agent.stream.acked == [*range(9)], "every ack, in order")
        assert agent.app.sent == [*range(9)]


async def test_no_more_is_taken_than_one_batch_and_as_much_again() -> None:
    with running() as agent:
        agent.stream.put(range(3000))
        await eventually_async(lambda: agent.stream.queue.qsize() < 3000 - WAITING, "a full buffer")
        for _ in range(3000):
            await asyncio.sleep(0)
        assert len(agent.app.sent) <= BATCH
        assert agent.stream.taken <= BATCH + WAITING + 1
        agent.app.allow_acks.set()
        await eventually_async(lambda: agent.stream.acked == [*range(3000)], "every ack, in order")


async def test_a_failed_delivery_ends_the_agent_with_nothing_acked() -> None:
    with running() as agent:
        agent.app.error = ConnectionError("no ack")
        agent.app.allow_acks.set()
        agent.stream.put(range(3))
        with pytest.raises(ExceptionGroup) as ended:
            await agent.task
        assert ended.group_contains(ConnectionError)
        assert agent.stream.acked == []


async def test_what_another_member_owns_by_now_is_not_acked() -> None:
    with running() as agent:
        agent.app.allow_acks.set()
        agent.stream.put(range(2), GENERATION - 1)
        agent.stream.put(range(2, 3))
        await eventually_async(lambda: agent.stream.acked == [2], "the ack of what is ours")


async def test_the_end_of_the_stream_ends_the_agent() -> None:
    class Ended(FakeStream):
        async def events(self) -> AsyncIterator[Any]:
            nothing: list[Any] = []
            for event in nothing:
                yield event

    agent = RouteAgent(FakeApp(), KAFKA, RecordProcessor(pass_on, RecentlyRouted(9)), CrashPoints())
    await asyncio.wait_for(agent.consume(Ended()), 30)


class TimedLoop(asyncio.SelectorEventLoop):
    """Remembers the timers that were set."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: list[asyncio.TimerHandle] = []

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.timers.append(super().call_at(when, callback, *args, context=context))
        return self.timers[-1]


async def deliver_and_wait(count: int) -> None:
    with running() as agent:
        agent.app.allow_acks.set()
        agent.stream.put(range(count))
        while agent.stream.acked != [*range(count)]:
            await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)


@pytest.mark.parametrize(("count", "pauses"), [(1, 0), (CROWD - 1, 0), (CROWD, 1)])
def test_an_idle_agent_sets_no_timer_and_a_crowd_is_followed_by_one_pause(
    count: int, pauses: int
) -> None:
    """The other timer is the limit of the delivery."""
    loop = TimedLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(deliver_and_wait(count))
    assert len(loop.timers) == 1 + pauses
