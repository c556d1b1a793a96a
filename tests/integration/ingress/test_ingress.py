"""The ingress's own process on a real broker: 200 means stored, whatever happens to either."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
from tests.support.ingress import SECRETS, TOKEN, signature
from tests.support.kafka import Broker, broker_at
from tests.support.processes import ServiceProcess, running_service
from tests.support.records import read_records
from tests.support.waiting import eventually

from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW, every_topic
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create

pytestmark = pytest.mark.integration
NUMBER = "106540352242922"


@pytest.fixture
def own_kafka(home: Path) -> Iterator[LocalKafka]:
    """Ours to stop: the session's broker serves other tests."""
    port, controller = free_ports(2)
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller)
    create(kafka.settings, every_topic(), partitions=6)
    yield kafka
    kafka.stop()


@contextmanager
def ingress(kafka: KafkaSettings, logs: Path) -> Iterator[tuple[ServiceProcess, httpx.Client]]:
    (port,) = free_ports(1)
    settings = {
        "WHATSAPP_APP_SECRETS": ",".join(SECRETS),
        "WHATSAPP_VERIFY_TOKEN": TOKEN,
        "INGRESS_PORT": str(port),
    }
    with (
        running_service("ingress", kafka, logs, **settings) as service,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield service, client


def webhook(number: int) -> bytes:
    value = {"metadata": {"phone_number_id": NUMBER}, "n": number}
    return orjson.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]})


def post(client: httpx.Client, body: bytes) -> int:
    return client.post("/webhook", content=body, headers=signature(body)).status_code


def test_what_was_answered_200_is_in_the_topic_byte_for_byte(kafka: Broker, tmp_path: Path) -> None:
    sent = [webhook(number) for number in range(20)]
    with ingress(kafka.settings, tmp_path) as (service, client):
        service.wait_until_ready()
        assert {post(client, body) for body in sent} == {200}
        assert post(client, b"x" * (3 << 20)) == 200
        assert service.drain() == 0
    stored = read_records(kafka.settings, WEBHOOKS_RAW)
    assert [record.value for record in stored if record.key == NUMBER.encode()] == sent
    assert [len(record.value or b"") for record in stored if not record.key] == [3 << 20]


def test_a_killed_ingress_has_stored_all_it_confirmed(kafka: Broker, tmp_path: Path) -> None:
    with ingress(kafka.settings, tmp_path) as (service, client):
        service.wait_until_ready()
        confirmed = [body for body in map(webhook, range(50)) if post(client, body) == 200]
        service.kill()
    stored = {record.value for record in read_records(kafka.settings, WEBHOOKS_RAW)}
    assert len(confirmed) == 50
    assert stored >= set(confirmed)


def test_without_a_broker_it_says_503_in_time_and_recovers_by_itself(
    own_kafka: LocalKafka, tmp_path: Path
) -> None:
    with ingress(own_kafka.settings, tmp_path) as (service, client):
        service.wait_until_ready()
        own_kafka.kill()
        began = time.monotonic()
        assert post(client, webhook(1)) == 503
        assert time.monotonic() - began < 5
        eventually(lambda: not service.is_ready(), "readiness to go")
        assert service.answers("/live")
        own_kafka.restart()
        eventually(lambda: post(client, webhook(2)) == 200, "a 200")
        eventually(service.is_ready, "readiness to come back")
        assert service.drain() == 0
    assert webhook(2) in {record.value for record in read_records(own_kafka.settings, WEBHOOKS_RAW)}


def test_a_forged_webhook_leaves_no_trace(kafka: Broker, tmp_path: Path) -> None:
    canary = b'{"text":"CANARY-7"}'
    with ingress(kafka.settings, tmp_path) as (service, client):
        service.wait_until_ready()
        answer = client.post("/webhook", content=canary, headers=signature(canary, "not ours"))
        assert (answer.status_code, answer.content) == (401, b"")
        assert service.drain() == 0
        assert "CANARY" not in service.log.read_text()
    assert read_records(kafka.settings, WEBHOOKS_RAW) == []


def test_wrong_settings_end_it_with_the_names_of_the_variables(tmp_path: Path) -> None:
    wrong = {"WHATSAPP_APP_SECRETS": "changeme"}
    with running_service("ingress", broker_at(""), tmp_path, **wrong) as service:
        assert service.process.wait(20) == 2
        printed = service.log.read_text()
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "WHATSAPP_APP_SECRETS", "WHATSAPP_VERIFY_TOKEN"):
        assert name in printed
