"""The router's own process on a real broker: what goes in comes out, whatever happens to it."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from tests.support.kafka import Broker, broker_at
from tests.support.processes import running_service
from tests.support.records import await_events, count_committed, produce, read_records
from tests.support.router import NUMBER, a_client, a_record
from tests.support.waiting import eventually

from common.events import MessageReceived
from common.kafka.producer import producer_config
from common.kafka.record import Record
from common.service.settings import KafkaSettings
from common.topics import (
    MESSAGES_INBOUND,
    MESSAGES_STATUS,
    TENANTS_CONFIG,
    WEBHOOKS_QUARANTINE,
    WEBHOOKS_RAW,
)
from devkit.stack.ports import free_ports
from router.release_quarantine import MOST_AT_ONCE

pytestmark = pytest.mark.integration
CONTACTS = 8
LATER = "106540352242777"


def message(contact: int, number: int, phone_number_id: str = NUMBER) -> Record:
    user = f"ES.{contact}"
    text = {
        "from_user_id": user,
        "id": f"wamid.{contact}.{number}",
        "timestamp": "1795600000",
        "type": "text",
        "text": {"body": str(number)},
    }
    value = {"metadata": {"phone_number_id": phone_number_id}, "messages": [text]}
    body = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
    return a_record(orjson.dumps(body), phone_number_id)


def feed(kafka: KafkaSettings, webhooks: list[Record]) -> None:
    producer = Producer(producer_config(kafka, deadline_ms=10_000, linger_ms=5))
    for webhook in webhooks:
        headers: Any = list(webhook.headers.items())
        producer.produce(WEBHOOKS_RAW.name, webhook.value, key=webhook.key, headers=headers)
        producer.poll(0)
    assert producer.flush(10) == 0


def know(kafka: KafkaSettings, number: str = NUMBER) -> None:
    produce(kafka, TENANTS_CONFIG, [(number, a_client(number=number).encode())])


def inbound(kafka: KafkaSettings) -> list[MessageReceived]:
    return [
        MessageReceived.decode(record.value) for record in read_records(kafka, MESSAGES_INBOUND)
    ]


def conversations(messages: list[MessageReceived]) -> dict[str, list[int]]:
    """Per contact the numbers of its messages, first copies only."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in messages:
        if int(event.text) not in numbers[event.contact_id]:
            numbers[event.contact_id].append(int(event.text))
    return numbers


def burst(start: int, stop: int) -> list[Record]:
    return [
        message(contact, number) for number in range(start, stop) for contact in range(CONTACTS)
    ]


def everything(stop: int) -> dict[str, list[int]]:
    return {f"ES.{contact}": list(range(stop)) for contact in range(CONTACTS)}


def test_messages_are_routed_once_and_committed_at_the_end(kafka: Broker, tmp_path: Path) -> None:
    know(kafka.settings)
    feed(kafka.settings, burst(0, 100))
    with running_service("router", kafka.settings, tmp_path) as router:
        router.wait_until_ready()
        eventually(lambda: len(inbound(kafka.settings)) == 100 * CONTACTS, "every message")
        assert router.drain() == 0
    assert conversations(inbound(kafka.settings)) == everything(100)
    assert count_committed(kafka.settings, "router.webhooks.raw") == 100 * CONTACTS


def test_a_killed_router_loses_nothing_and_keeps_the_order(kafka: Broker, tmp_path: Path) -> None:
    know(kafka.settings)
    feed(kafka.settings, burst(0, 1500))
    with running_service("router", kafka.settings, tmp_path) as first:
        await_events(kafka.settings, MESSAGES_INBOUND, MessageReceived, 1)
        first.kill()
    assert len(inbound(kafka.settings)) < 1500 * CONTACTS, "killed too late to be a test"
    with running_service("router", kafka.settings, tmp_path) as second:
        eventually(lambda: everything(1500) == conversations(inbound(kafka.settings)), "the rest")
        assert second.drain() == 0


def test_a_second_router_joins_and_the_first_leaves_without_loss(
    kafka: Broker, tmp_path: Path
) -> None:
    know(kafka.settings)
    with (
        running_service("router", kafka.settings, tmp_path) as first,
        running_service("router", kafka.settings, tmp_path) as second,
    ):
        first.wait_until_ready()
        feed(kafka.settings, burst(0, 100))
        second.wait_until_ready()
        feed(kafka.settings, burst(100, 200))
        assert first.drain() == 0
        feed(kafka.settings, burst(200, 300))
        eventually(lambda: everything(300) == conversations(inbound(kafka.settings)), "all")
        assert second.drain() == 0


def test_the_webhooks_of_an_unknown_number_go_on_when_its_client_exists(
    kafka: Broker, tmp_path: Path
) -> None:
    """More than are released at once, and in their order."""
    know(kafka.settings)
    count = MOST_AT_ONCE + 50
    waiting = [message(1, number, LATER) for number in range(count)]
    with running_service("router", kafka.settings, tmp_path) as router:
        feed(kafka.settings, [*waiting, a_record(b"no json"), message(1, 0)])
        eventually(lambda: len(set_aside(kafka)) == count + 1, "the quarantine")
        eventually(lambda: len(inbound(kafka.settings)) == 1, "the known number's message")
        know(kafka.settings, LATER)
        eventually(lambda: released(kafka) == [*range(count)], "the release")
        eventually(lambda: len(inbound(kafka.settings)) == count + 1, "the messages")
        assert router.drain() == 0
    assert count_committed(kafka.settings, "router.webhooks.quarantine") == count + 1


def test_what_waits_is_found_again_after_a_restart(kafka: Broker, tmp_path: Path) -> None:
    know(kafka.settings)
    feed(kafka.settings, [message(1, 0, LATER), message(1, 1, LATER)])
    with running_service("router", kafka.settings, tmp_path) as first:
        eventually(lambda: len(set_aside(kafka)) == 2, "the quarantine")
        assert first.drain() == 0
    with running_service("router", kafka.settings, tmp_path) as second:
        second.wait_until_ready()
        know(kafka.settings, LATER)
        eventually(
            lambda: conversations(inbound(kafka.settings)) == {"ES.1": [0, 1]}, "the release"
        )
        assert second.drain() == 0


def set_aside(kafka: Broker) -> list[Record]:
    return read_records(kafka.settings, WEBHOOKS_QUARANTINE)


def released(kafka: Broker) -> list[int]:
    again = [r for r in read_records(kafka.settings, WEBHOOKS_RAW) if "released" in r.headers]
    bodies = [orjson.loads(record.value or b"") for record in again]
    values = [body["entry"][0]["changes"][0]["value"] for body in bodies]
    return [int(value["messages"][0]["text"]["body"]) for value in values]


def test_a_poisoned_topic_does_not_stop_the_rest(kafka: Broker, tmp_path: Path) -> None:
    know(kafka.settings)
    produce(kafka.settings, WEBHOOKS_RAW, [("", None), ("x", b"\xff"), (NUMBER, b"[" * 9999)])
    read = orjson.loads(
        (Path(__file__).parents[2] / "contract/payloads/status_read.json").read_bytes()
    )
    feed(kafka.settings, [a_record(orjson.dumps(read["webhook"]))])
    with running_service("router", kafka.settings, tmp_path) as router:
        eventually(lambda: len(read_records(kafka.settings, MESSAGES_STATUS)) == 1, "the status")
        eventually(lambda: len(set_aside(kafka)) == 3, "the quarantine")
        group = "router.webhooks.quarantine"
        eventually(
            lambda: count_committed(kafka.settings, group) == 3,
            "the empty record to be passed too",
        )
        assert router.drain() == 0


def test_without_a_broker_it_waits_and_still_ends_when_told(tmp_path: Path) -> None:
    (unused_port,) = free_ports(1)
    with running_service("router", broker_at(f"127.0.0.1:{unused_port}"), tmp_path) as router:
        eventually(lambda: router.answers("/live"), "its health port")
        assert not router.is_ready()
        assert router.drain() == 0
