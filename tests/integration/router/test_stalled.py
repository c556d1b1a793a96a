"""A router that lives but routes nothing ends; one with nothing to do, or no broker, does not."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from tests.support.components import running_components
from tests.support.kafka import PARTITIONS, Broker, admin_client
from tests.support.records import CALL_SECONDS, count_committed, produce
from tests.support.waiting import eventually_async

from common.kafka.record import Record
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW
from router.dedup import RecentlyRouted
from router.group_lag import GroupLag
from router.process import RecordProcessor
from router.route import RoutedWebhook
from router.worker import App, RouterWorker, application, member_id

pytestmark = [
    pytest.mark.integration,
    # Faust's thread outlives the loop of a test; a process would be gone.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
GROUP = "router.webhooks.raw"
SECONDS = 3.0


class Built:
    """Keeps the application that the worker runs."""

    app: App

    def __call__(self, kafka: KafkaSettings, group: str) -> App:
        self.app = application(kafka, group)
        return self.app


def route_nothing(_: Record) -> RoutedWebhook:
    return RoutedWebhook()


def a_worker(kafka: KafkaSettings, life: Lifecycle, built: Built) -> RouterWorker:
    processor = RecordProcessor(route_nothing, RecentlyRouted(9))
    return RouterWorker(kafka, processor, life, stall_seconds=SECONDS, build=built)


def feed(kafka: KafkaSettings, count: int) -> None:
    produce(kafka, WEBHOOKS_RAW, [(str(number), b"{}") for number in range(count)])


async def test_a_router_whose_stream_never_moves_ends(kafka: Broker) -> None:
    """As after a rebalance that left Faust's flow control suspended."""
    life, built = Lifecycle("router"), Built()
    running = asyncio.create_task(life.run([a_worker(kafka.settings, life, built)]))
    await eventually_async(lambda: life.health.not_ready() == [], "a started router")
    built.app.flow_control.suspend()
    feed(kafka.settings, 20)
    assert await asyncio.wait_for(running, 60) == 1
    assert count_committed(kafka.settings, GROUP) < 20


async def test_a_router_whose_client_hangs_ends_also_when_nothing_waits(kafka: Broker) -> None:
    """Its thread answers nobody, as after an outage that the client did not survive; the broker
    has counted it out of the group."""
    life, built, hangs = Lifecycle("router"), Built(), threading.Event()
    running = asyncio.create_task(life.run([a_worker(kafka.settings, life, built)]))
    await eventually_async(lambda: life.health.not_ready() == [], "a started router")
    consumer: Any = built.app.consumer
    consumer._thread.thread_loop.call_soon_threadsafe(hangs.wait)
    try:
        assert await asyncio.wait_for(running, 60) == 1
    finally:
        hangs.set()


async def test_who_is_no_member_of_the_group_is_behind(kafka: Broker) -> None:
    async with running_router(kafka.settings) as app:
        assert await nothing_waits(kafka, app)
        assert await GroupLag(kafka.settings, GROUP).is_behind("somebody-else")


@asynccontextmanager
async def running_router(kafka: KafkaSettings) -> AsyncIterator[App]:
    built = Built()
    async with running_components(lambda life: [a_worker(kafka, life, built)], "router") as life:
        await eventually_async(lambda: life.health.not_ready() == ["started"], "an assignment")
        yield built.app
        assert life.fatals == []


async def test_only_what_is_not_committed_waits(kafka: Broker) -> None:
    """Also after a restart, when only the committed offsets tell."""
    feed(kafka.settings, 20)
    async with running_router(kafka.settings) as app:
        await eventually_async(lambda: nothing_waits(kafka, app), "every commit")
    assert count_committed(kafka.settings, GROUP) == 20
    async with running_router(kafka.settings) as app:
        assert await nothing_waits(kafka, app)
        app.flow_control.suspend()
        feed(kafka.settings, 1)
        assert not await nothing_waits(kafka, app)


async def test_what_retention_deleted_does_not_wait(kafka: Broker) -> None:
    feed(kafka.settings, 20)
    admin = admin_client(kafka.settings)
    ends = [TopicPartition(WEBHOOKS_RAW.name, number, OFFSET_END) for number in range(PARTITIONS)]
    for deleted in admin.delete_records(ends).values():
        deleted.result(CALL_SECONDS)
    async with running_router(kafka.settings) as app:
        assert await nothing_waits(kafka, app)


async def nothing_waits(kafka: Broker, app: App) -> bool:
    return not await GroupLag(kafka.settings, GROUP).is_behind(member_id(app))
