"""The consumer loop on a real broker: order, commits after the effect, dead letters, waiting."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Event as Signal

import pytest
from prometheus_client import REGISTRY
from tests.support.builders import a_message
from tests.support.components import RecordingLifecycle, keep_running, running_components
from tests.support.kafka import Broker, broker_at
from tests.support.records import count_committed, produce, read_records
from tests.support.waiting import eventually_async

from common.events import MessageReceived
from common.kafka.consumer import BatchConsumer
from common.kafka.dead_letter import DeadLetters
from common.kafka.producer import Producer
from common.kafka.progress import LONGEST_CHECKS
from common.kafka.record import Record
from common.kafka.subscription import BATCH_BYTES, group_of
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import MESSAGES_INBOUND, dlq_of

pytestmark = pytest.mark.integration
GROUP = group_of("tests", MESSAGES_INBOUND)
DLQ = dlq_of(MESSAGES_INBOUND)
CHECK = f"consumer:{MESSAGES_INBOUND.name}"


class DatabaseDown(RuntimeError):
    pass


class TookTooLong(DatabaseDown):
    pass


@dataclass
class Handler:
    """Keeps the texts it stored. `poison` never can be stored; nothing can while `down`."""

    poison: frozenset[str] = frozenset()
    down: Signal = field(default_factory=Signal)
    stored: list[str] = field(default_factory=list)
    calls: int = 0
    most: int = 1000  # events that can be stored in time
    sizes: list[int] = field(default_factory=list)
    hangs: Signal = field(default_factory=Signal)
    goes_on: Signal = field(default_factory=Signal)

    def __call__(self, events: Sequence[MessageReceived]) -> None:
        self.calls += 1
        if self.hangs.is_set():
            self.goes_on.wait()
        if len(events) > self.most:
            raise TookTooLong
        if self.down.is_set():
            raise DatabaseDown
        if any(event.text in self.poison for event in events):
            raise ValueError("never")
        self.stored += [event.text for event in events]
        self.sizes.append(sum(len(event.text) for event in events))


def consuming(
    kafka: KafkaSettings, handler: Handler, life: Lifecycle, gather_ms: int = 0
) -> tuple[Producer, BatchConsumer[MessageReceived]]:
    producer = Producer(kafka, life)
    consumer = BatchConsumer(
        kafka,
        MESSAGES_INBOUND,
        MessageReceived,
        handler,
        life=life,
        dead_letters=DeadLetters("tests", producer, life.loop),
        wait_reason=lambda error: "down" if isinstance(error, DatabaseDown) else None,
        is_timeout=lambda error: isinstance(error, TookTooLong),
        gather_ms=gather_ms,
    )
    return producer, consumer


@asynccontextmanager
async def watched(
    kafka: KafkaSettings, handler: Handler
) -> AsyncIterator[tuple[RecordingLifecycle, BatchConsumer[MessageReceived]]]:
    life = RecordingLifecycle()
    producer, consumer = consuming(kafka, handler, life)
    async with keep_running([producer, consumer]):
        yield life, consumer


async def check_for_a_minute(consumer: BatchConsumer[MessageReceived]) -> None:
    for _ in range(LONGEST_CHECKS + 1):
        await consumer.check()


def measured_lag() -> float | None:
    """Every five seconds."""
    return REGISTRY.get_sample_value("conserje_consumer_lag", {"topic": MESSAGES_INBOUND.name})


def write(kafka: KafkaSettings, values: Sequence[str | bytes], key: str = "k") -> None:
    """Texts become messages; bytes go as they are."""
    encoded = [a_message(one).encode() if isinstance(one, str) else one for one in values]
    produce(kafka, MESSAGES_INBOUND, [(key, value) for value in encoded])


def marks(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers.items()}


async def test_records_of_one_key_are_stored_once_in_order_and_committed(kafka: Broker) -> None:
    texts = [str(number) for number in range(1200)]
    write(kafka.settings, texts)
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life)):
        await eventually_async(lambda: len(handler.stored) >= len(texts))
    assert handler.stored == texts
    assert handler.calls < 30
    assert count_committed(kafka.settings, GROUP) == len(texts)


async def test_bad_records_are_dead_lettered_alone_and_as_they_were(kafka: Broker) -> None:
    good = [str(number) for number in range(60)]
    values: list[str | bytes] = [*good]
    values[20:20] = [b"\xff\x00 no json"]
    values[40:40] = ["poison"]
    write(kafka.settings, values)
    handler = Handler(poison=frozenset({"poison"}))
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: len(handler.stored) >= len(good))
        assert life.fatals == []
    undecodable, failing = read_records(kafka.settings, DLQ)
    assert handler.stored == good
    assert undecodable.value == b"\xff\x00 no json"
    assert undecodable.key == b"k"
    assert failing.value == a_message("poison").encode()
    said = marks(undecodable)
    assert said["dlq-topic"] == "messages.inbound"
    assert said["dlq-offset"] == "20"
    assert said["dlq-service"] == "tests"
    assert said["dlq-reason"] == "undecodable"
    assert marks(failing)["dlq-reason"] == "always_fails"
    assert marks(failing)["dlq-detail"] == "ValueError"
    assert count_committed(kafka.settings, GROUP) == len(values)


async def test_eleven_bad_records_in_a_row_stop_the_service(kafka: Broker) -> None:
    write(kafka.settings, ["good", *[b"bad"] * 50])
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: life.fatals)
        assert life.fatals[0].startswith("too_many_dead_letters messages.inbound[")
    assert handler.stored == ["good"]
    assert len(read_records(kafka.settings, DLQ)) == 11
    assert count_committed(kafka.settings, GROUP) == 12, "they are not dead-lettered again"


async def test_what_fails_in_every_partition_stops_the_service_as_soon(kafka: Broker) -> None:
    records = [(str(number), b"bad") for number in range(60)]
    produce(kafka.settings, MESSAGES_INBOUND, records)
    async with running_components(lambda life: consuming(kafka.settings, Handler(), life)) as life:
        await eventually_async(lambda: life.fatals)
    assert len(read_records(kafka.settings, DLQ)) == 11


async def test_a_backlog_of_long_messages_is_stored_in_bounded_batches(kafka: Broker) -> None:
    longest = 256 << 10
    write(kafka.settings, [f"{number:4}{'x' * longest}" for number in range(100)])
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life)):
        await eventually_async(lambda: len(handler.stored) == 100)
    assert [int(text[:4]) for text in handler.stored] == list(range(100))
    assert max(handler.sizes) <= BATCH_BYTES + 5 * (longest + 4)


async def test_what_may_wait_is_gathered(kafka: Broker) -> None:
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life, 2000)):
        for number in range(10):
            write(kafka.settings, [str(number)])
        await eventually_async(lambda: len(handler.stored) == 10)
    assert handler.stored == [str(number) for number in range(10)]
    assert handler.calls < 10


async def test_a_batch_that_takes_too_long_is_halved_until_it_does_not(kafka: Broker) -> None:
    texts = [str(number) for number in range(300)]
    write(kafka.settings, texts)
    handler = Handler(most=20)
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: len(handler.stored) == len(texts))
        assert life.fatals == []
    assert handler.stored == texts


async def test_bad_records_spread_thinly_over_good_ones_do_not_stop_it(kafka: Broker) -> None:
    values: list[str | bytes] = [str(number) for number in range(400)]
    for place in range(15, 360, 30):
        values[place] = b"bad"
    write(kafka.settings, values)
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: len(handler.stored) >= 388 or life.fatals)
        assert life.fatals == []
    assert len(read_records(kafka.settings, DLQ)) == 12


async def test_an_outage_stores_commits_and_buries_nothing(kafka: Broker) -> None:
    handler = Handler()
    handler.down.set()
    write(kafka.settings, ["before", b"bad", "after"])
    async with running_components(lambda life: consuming(kafka.settings, handler, life)):
        await eventually_async(lambda: handler.calls >= 4)
        assert count_committed(kafka.settings, GROUP) == 0
        handler.down.clear()
        await eventually_async(lambda: len(handler.stored) == 2)
    assert handler.stored == ["before", "after"]
    assert len(read_records(kafka.settings, DLQ)) == 1


async def test_a_bad_record_before_an_outage_is_buried_once(kafka: Broker) -> None:
    handler = Handler()
    handler.down.set()
    write(kafka.settings, [b"bad", "after"])
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: handler.calls >= 5)
        handler.down.clear()
        await eventually_async(lambda: handler.stored)
        assert life.fatals == []
    assert len(read_records(kafka.settings, DLQ)) == 1


async def test_a_consumer_that_stands_still_before_records_ends_the_process(kafka: Broker) -> None:
    handler = Handler()
    async with watched(kafka.settings, handler) as (life, consumer):
        write(kafka.settings, ["stored"])
        await eventually_async(lambda: handler.stored)
        await eventually_async(lambda: measured_lag() == 0, "a measurement after it was stored")
        await check_for_a_minute(consumer)
        assert life.fatals == [], "nothing waits"
        handler.hangs.set()
        write(kafka.settings, ["left", "over"])
        await eventually_async(lambda: handler.calls == 2)
        await check_for_a_minute(consumer)
        assert set(life.fatals) == {"consumer_stalled"}
        handler.hangs.clear()
        handler.goes_on.set()


async def test_a_consumer_that_waits_is_not_ready_and_not_stalled(kafka: Broker) -> None:
    handler = Handler()
    handler.down.set()
    write(kafka.settings, ["waiting"])
    async with watched(kafka.settings, handler) as (life, consumer):
        await eventually_async(lambda: CHECK in life.health.not_ready())
        await check_for_a_minute(consumer)
        assert life.fatals == []


async def test_a_consumer_outside_its_group_is_not_ready_after_a_minute() -> None:
    async with watched(broker_at("127.0.0.1:1"), Handler()) as (life, consumer):
        assert CHECK not in life.health.not_ready()
        await check_for_a_minute(consumer)
        assert CHECK in life.health.not_ready()


async def test_what_was_not_stored_is_read_again_by_the_next_member(kafka: Broker) -> None:
    handler, successor = Handler(), Handler()
    write(kafka.settings, ["stored"])
    async with running_components(lambda life: consuming(kafka.settings, handler, life)):
        await eventually_async(lambda: handler.stored)
        handler.down.set()
        write(kafka.settings, ["left", "over"])
        await eventually_async(lambda: handler.calls >= 3)
    async with running_components(lambda life: consuming(kafka.settings, successor, life)):
        await eventually_async(lambda: len(successor.stored) >= 2)
    assert handler.stored == ["stored"]
    assert successor.stored == ["left", "over"]


async def test_a_bad_record_of_the_largest_size_fits_the_dead_letter_topic(kafka: Broker) -> None:
    room = MESSAGES_INBOUND.max_message_bytes - 200
    huge = random.Random(1).randbytes(room)
    write(kafka.settings, [huge, "good"])
    handler = Handler()
    async with running_components(lambda life: consuming(kafka.settings, handler, life)) as life:
        await eventually_async(lambda: handler.stored or life.fatals)
        assert life.fatals == []
    assert [record.value for record in read_records(kafka.settings, DLQ)] == [huge]
