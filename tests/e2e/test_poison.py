"""Records and webhooks without use: kept for a person to look at, and never in the way."""

import pytest
from confluent_kafka import Producer
from tests.support.event_log import POISON, wait_until_consumed
from tests.support.system import RunningSystem, a_contact

from common.kafka.dead_letter import PREFIX
from common.kafka.producer import producer_config
from common.kafka.record import Record
from common.topics import (
    MESSAGES_INBOUND,
    MESSAGES_STATUS,
    REPLIES_OUTBOUND,
    WEBHOOKS_QUARANTINE,
    Topic,
    dlq_of,
)

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
USELESS = (b"\x00\xff\xfe", b'{"wamid":"only"}', b"[" * 5000, b'{"schema_version":99}')


@pytest.mark.parametrize(
    "topic", [MESSAGES_INBOUND, MESSAGES_STATUS, REPLIES_OUTBOUND], ids=lambda topic: topic.name
)
async def test_poison_before_a_message_is_set_aside_and_the_message_answered(
    system: RunningSystem, topic: Topic
) -> None:
    client, contact = await system.add_client(), a_contact()
    key = f"{client.number}:{contact}".encode()
    producer = Producer(producer_config(system.stack.kafka_admin, deadline_ms=10_000, linger_ms=0))
    for value in USELESS:
        producer.produce(topic.name, value, key=key, headers=[(POISON, b"1")])
    assert producer.flush(10) == 0
    assert (await system.write_and_wait(client.number, contact)).outcome == "answered"

    def dead() -> list[Record]:
        return [letter for letter in system.events.records(dlq_of(topic)) if letter.key == key]

    await system.events.eventually(
        lambda: {letter.value for letter in dead()} == set(USELESS), "dead letters"
    )
    for letter in dead():
        assert {f"{PREFIX}topic", f"{PREFIX}reason"} <= set(letter.headers)
        assert letter.headers[f"{PREFIX}topic"] == topic.name.encode()


async def test_signed_webhooks_that_mean_nothing_are_taken_and_set_aside(
    system: RunningSystem,
) -> None:
    bodies = (b"\xff{", b"[1, 2]", b'{"object":"page","entry":[]}', b"")
    for body in bodies:  # one at a time: each must be read for itself
        await system.post_webhook(body)
        await wait_for_quarantine(system, body)
    await wait_until_consumed(system.stack.kafka_admin)


async def wait_for_quarantine(system: RunningSystem, body: bytes) -> None:
    await system.events.eventually(
        lambda: body in {record.value for record in system.events.records(WEBHOOKS_QUARANTINE)},
        "the webhook in quarantine",
    )
