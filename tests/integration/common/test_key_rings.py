"""M9: who opens secrets starts nothing with a ring that lacks keys in use."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from tests.support.builders import a_tenant
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.processes import running_service
from tests.support.waiting import eventually

from common.kafka.producer import producer_config
from common.key_rings import KeyRings
from common.sealed import kid_of, seal
from common.service.settings import KafkaSettings
from common.topics import TENANTS_CONFIG
from ops.service_rings import rings_for

pytestmark = pytest.mark.integration
SETTINGS = {
    "sender": {"WHATSAPP_GRAPH_URL": "http://127.0.0.1:1/v26.0"},
    "assistant": {
        "OPENAI_API_KEY": "sk-of-these-tests-alone",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
    },
}


def publish(kafka: KafkaSettings, sealed: str | None, revision: int) -> None:
    tenant = a_tenant(access_token=sealed, revision=revision)
    producer = Producer(producer_config(kafka, deadline_ms=20_000, linger_ms=5))
    producer.produce(
        TENANTS_CONFIG.name, key=tenant.phone_number_id.encode(), value=tenant.encode()
    )
    assert producer.flush(20) == 0


@pytest.mark.parametrize("service", SETTINGS)
def test_m9a_a_ring_without_a_key_in_use_holds_the_start_until_nothing_needs_it(
    service: str, kafka: Broker, new_database: NewDatabase, tmp_path: Path
) -> None:
    mine, gone = KeyRings.fresh(), KeyRings.fresh().ring("access_token")
    ring = tmp_path / "ring.json"
    ring.write_text(rings_for(service, mine).text())
    sealed = seal(gone, 1, "access_token", "EAAG-of-a-client")
    publish(kafka.settings, sealed, 1)
    variables = {"DATABASE_URL": new_database((service, service)), "KEY_RING_FILE": str(ring)}
    with running_service(
        service, kafka.settings, tmp_path, **variables, **SETTINGS[service]
    ) as running:
        eventually(lambda: "key_ring_waits" in running.log.read_text(), "it to say so")
        said = running.log.read_text()
        assert f"access_token {kid_of(sealed)}" in said
        assert "EAAG" not in said
        assert not running.is_ready()
        publish(kafka.settings, seal(mine.ring("access_token"), 1, "access_token", "EAAG"), 2)
        running.wait_until_ready()
        assert running.drain() == 0


@pytest.mark.parametrize("service", SETTINGS)
def test_it_may_be_ended_while_it_waits_for_a_key(
    service: str, kafka: Broker, new_database: NewDatabase, tmp_path: Path
) -> None:
    ring = tmp_path / "ring.json"
    ring.write_text(rings_for(service, KeyRings.fresh()).text())
    gone = KeyRings.fresh().ring("access_token")
    publish(kafka.settings, seal(gone, 1, "access_token", "EAAG-of-a-client"), 1)
    variables = {"DATABASE_URL": new_database((service, service)), "KEY_RING_FILE": str(ring)}
    with running_service(
        service, kafka.settings, tmp_path, **variables, **SETTINGS[service]
    ) as running:
        eventually(lambda: "key_ring_waits" in running.log.read_text(), "it to say so")
        assert running.drain() == 0
