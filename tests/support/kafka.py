"""The broker of a test run: one per run, its topics emptied for each test that takes `kafka`.

KAFKA_BOOTSTRAP_SERVERS names a running one, and the other settings of Kafka say how it is reached.
Otherwise it is started for the run: in a container where a Docker engine has the image, else from
the local stack.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from tests.support.containers import RunningKafka, image_for, kafka_container
from tests.support.summary import remember
from tests.support.waiting import eventually

from common.kafka.kafka_access import client_config
from common.service.settings import KafkaSettings, load
from common.topics import every_topic
from devkit.stack.broker_security import GivenKafkaSettings
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create

PARTITIONS = 6
ADMIN_SECONDS = 60.0


@dataclass(frozen=True)
class Broker:
    """`settings`: of a user who may do everything."""

    settings: KafkaSettings
    version: str


@pytest.fixture(scope="session")
def broker(home: Path, pytestconfig: pytest.Config) -> Iterator[Broker]:
    if address := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        remember(pytestconfig, "broker", f"external, {address}")
        yield Broker(load(KafkaSettings), "external")
        return
    image = image_for("kafka")
    with kafka_container(image) if image else local_kafka(home) as (settings, version):
        remember(pytestconfig, "broker", version)
        yield Broker(settings, version)


@contextlib.contextmanager
def local_kafka(home: Path) -> Iterator[RunningKafka]:
    port, controller = free_ports(2)
    kafka = LocalKafka.start(home / "kafka", port, controller)
    try:
        yield kafka.settings, f"{kafka.version}, local stack"
    finally:
        kafka.stop()


@pytest.fixture
def kafka(broker: Broker) -> Broker:
    """The broker with every topic empty and no consumer group."""
    reset(broker.settings)
    return broker


def reset(kafka: KafkaSettings) -> None:
    admin = admin_client(kafka)
    delete_topics(admin)
    delete_groups(admin)
    eventually(lambda: not product_topics(admin), "topics to go")
    create(kafka, every_topic(), partitions=PARTITIONS)
    eventually(lambda: len(product_topics(admin)) == len(every_topic()), "topics to come")


def admin_client(kafka: KafkaSettings) -> AdminClient:
    return AdminClient(client_config(kafka))


def broker_at(address: str) -> KafkaSettings:
    """An open broker, or none at all."""
    return GivenKafkaSettings(kafka_bootstrap_servers=address)


def product_topics(admin: AdminClient) -> list[str]:
    there = admin.list_topics(timeout=ADMIN_SECONDS).topics
    return [topic.name for topic in every_topic() if topic.name in there]


def delete_topics(admin: AdminClient) -> None:
    names = product_topics(admin)
    for deleted in admin.delete_topics(names).values() if names else []:
        deleted.result(ADMIN_SECONDS)


def delete_groups(admin: AdminClient) -> None:
    listed = admin.list_consumer_groups().result(ADMIN_SECONDS).valid
    names = [group.group_id for group in listed]
    for deleted in admin.delete_consumer_groups(names).values() if names else []:
        # One that still has a member, or is gone already, does not disturb the next test.
        with contextlib.suppress(KafkaException):
            deleted.result(ADMIN_SECONDS)
