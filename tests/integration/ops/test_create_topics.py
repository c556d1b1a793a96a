"""Topics are created once, as the map says."""

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewPartitions
from tests.support.kafka import PARTITIONS, Broker, admin_client

from common.topics import (
    MESSAGES_INBOUND,
    MESSAGES_OUTCOME,
    TENANTS_CONFIG,
    TURNS_PROGRESS,
    Topic,
    dlq_of,
    every_topic,
)
from ops.create_topics import create

pytestmark = pytest.mark.integration


def test_what_is_there_is_left_alone_and_what_was_made_is_as_mapped(kafka: Broker) -> None:
    assert create(kafka.settings, every_topic()) == []
    admin = admin_client(kafka.settings)
    there = admin.list_topics(timeout=10).topics
    assert len(there[MESSAGES_INBOUND.name].partitions) == PARTITIONS
    assert len(there[TENANTS_CONFIG.name].partitions) == TENANTS_CONFIG.partitions
    assert len(there[MESSAGES_OUTCOME.name].partitions) == MESSAGES_OUTCOME.partitions
    assert len(there[dlq_of(MESSAGES_INBOUND).name].partitions) == 1
    assert config_of(admin, TENANTS_CONFIG)["cleanup.policy"] == "compact"
    hour = {"retention.ms": "3600000", "segment.ms": "3600000"}
    assert config_of(admin, TURNS_PROGRESS).items() >= hour.items()


def config_of(admin: AdminClient, topic: Topic) -> dict[str, str]:
    (asked,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic.name)]).values()
    return {name: entry.value for name, entry in asked.result(10).items()}


def test_a_topic_with_more_partitions_than_the_map_says_stays_as_it_is(kafka: Broker) -> None:
    """An older version made it; Kafka cannot take a partition away."""
    admin = admin_client(kafka.settings)
    wider = NewPartitions(MESSAGES_OUTCOME.name, 24)
    admin.create_partitions([wider])[MESSAGES_OUTCOME.name].result(30)
    assert create(kafka.settings, every_topic()) == []
