"""A router that the group refuses ends, so that whoever supervises it tries again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer
from tests.support.kafka import Broker
from tests.support.waiting import eventually

from common.kafka.kafka_access import client_config
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.route import RoutedWebhook
from router.worker import RouterWorker

pytestmark = pytest.mark.integration


@contextmanager
def foreign_member(kafka: KafkaSettings) -> Iterator[None]:
    """A console consumer that somebody started with the router's group."""
    consumer = Consumer(
        {
            **client_config(kafka),
            "group.id": "router.webhooks.raw",
            "partition.assignment.strategy": "range",
        }
    )
    consumer.subscribe([WEBHOOKS_RAW.name])

    def is_member() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    eventually(is_member, "the foreign member's assignment")
    yield
    consumer.close()


# Faust's thread outlives the loop of this test; a process would be gone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_refused_first_join_ends_the_process(kafka: Broker) -> None:
    life = Lifecycle("router")
    processor = RecordProcessor(lambda _: RoutedWebhook(), RecentlyRouted(9))
    worker = RouterWorker(kafka.settings, processor, life, hang_seconds=5)
    with foreign_member(kafka.settings):
        assert await asyncio.wait_for(life.run([worker]), 60) == 1
