"""librdkafka and aiokafka (Faust's client) send a key to the same partition."""

import random

import pytest
from aiokafka.partitioner import DefaultPartitioner
from tests.support.kafka import PARTITIONS, Broker
from tests.support.records import produce, read_records

from common.topics import MESSAGES_INBOUND

pytestmark = pytest.mark.integration


def keys() -> list[str]:
    """Conversations as they are, odd lengths, and characters beyond ASCII."""
    chance = random.Random(24)
    numbers = [f"{chance.randrange(10**15)}:ES.{chance.randrange(10**20)}" for _ in range(800)]
    odd = ["x" * length for length in range(1, 101)]
    return numbers + odd + [f"ñ{number}€{'語' * (number % 5)}" for number in range(100)]


def test_a_thousand_keys_land_where_the_other_client_puts_them(kafka: Broker) -> None:
    produce(kafka.settings, MESSAGES_INBOUND, [(key, b"{}") for key in keys()])
    landed = {
        record.key: record.partition for record in read_records(kafka.settings, MESSAGES_INBOUND)
    }
    all_partitions = list(range(PARTITIONS))
    expected = {
        key.encode(): DefaultPartitioner()(key.encode(), all_partitions, all_partitions)
        for key in keys()
    }
    assert len(expected) == 1000
    assert landed == expected
