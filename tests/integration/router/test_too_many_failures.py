"""When our own code fails again and again, the router stops before it drains the topic."""

import asyncio

import pytest
from tests.support.kafka import Broker
from tests.support.records import count_committed, read_records
from tests.support.router import a_record

from common.kafka.producer import Producer
from common.kafka.record import Record
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW, dlq_of
from router.dedup import RecentlyRouted
from router.process import RecordProcessor
from router.route import RoutedWebhook
from router.worker import RouterWorker

pytestmark = pytest.mark.integration


def explode(record: Record) -> RoutedWebhook:
    raise KeyError("a bug of ours")


async def feed(kafka: KafkaSettings, count: int) -> None:
    """All of one number, so all in one partition."""
    producer = Producer(kafka, Lifecycle("tests"))
    await producer.start()
    record = a_record(b"{}")
    acks = [
        producer.send(WEBHOOKS_RAW, "7", record.value, list(record.headers.items()))
        for _ in range(count)
    ]
    await asyncio.gather(*acks)
    await producer.stop()


async def test_the_eleventh_failure_in_a_row_ends_the_process_with_the_rest_unread(
    kafka: Broker,
) -> None:
    await feed(kafka.settings, 40)
    life = Lifecycle("router")
    worker = RouterWorker(kafka.settings, RecordProcessor(explode, RecentlyRouted(9)), life)
    code = await asyncio.wait_for(life.run([worker]), 60)
    assert code == 1
    dead = read_records(kafka.settings, dlq_of(WEBHOOKS_RAW))
    assert [record.value for record in dead] == [b"{}"] * 11
    assert count_committed(kafka.settings, "router.webhooks.raw") <= 11
