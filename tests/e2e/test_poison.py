"""Records and webhooks that nobody can use: kept for a person to look at, and in nobody's way."""

import pytest
from confluent_kafka import Producer
from tests.support.system import World, a_contact
from tests.support.tape import POISON, consumed

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
from devkit.emulators.whatsapp.payloads import sign

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
USELESS = (b"\x00\xff\xfe", b'{"wamid":"only"}', b"[" * 5000, b'{"schema_version":99}')


@pytest.mark.parametrize(
    "topic", [MESSAGES_INBOUND, MESSAGES_STATUS, REPLIES_OUTBOUND], ids=lambda topic: topic.name
)
async def test_poison_before_a_message_is_set_aside_and_the_message_answered(
    world: World, topic: Topic
) -> None:
    client, contact = await world.client(), a_contact()
    key = f"{client.number}:{contact}".encode()
    producer = Producer(producer_config(world.system.bootstrap, deadline_ms=10_000, linger_ms=0))
    for value in USELESS:
        producer.produce(topic.name, value, key=key, headers=[(POISON, b"1")])
    assert producer.flush(10) == 0
    assert (await world.say(client.number, contact)).outcome == "answered"

    def dead() -> list[Record]:
        return [one for one in world.tape.of(dlq_of(topic)) if one.key == key]

    await world.tape.wait(lambda: {one.value for one in dead()} == set(USELESS), "dead letters")
    for letter in dead():
        assert {f"{PREFIX}topic", f"{PREFIX}reason"} <= set(letter.headers)
        assert letter.headers[f"{PREFIX}topic"] == topic.name.encode()


async def test_signed_webhooks_that_mean_nothing_are_taken_and_set_aside(world: World) -> None:
    bodies = (b"\xff{", b"[1, 2]", b'{"object":"page","entry":[]}', b"")
    secret = world.system.secrets["WHATSAPP_APP_SECRETS"].split(",")[0]
    for body in bodies:  # one at a time: each must be read for itself
        headers = {"X-Hub-Signature-256": sign(secret, body)}
        async with world.http.post(
            world.system.webhook_url, data=body, headers=headers
        ) as response:
            assert response.status == 200
        await quarantined(world, body)
    await consumed(world.system.bootstrap)


async def quarantined(world: World, body: bytes) -> None:
    await world.tape.wait(
        lambda: body in {record.value for record in world.tape.of(WEBHOOKS_QUARANTINE)},
        "the webhook in quarantine",
    )
