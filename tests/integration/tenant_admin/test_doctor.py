"""`manage_clients.py doctor` on a real database, a real broker and a real service."""

import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from tests.support.kafka import Broker
from tests.support.records import produce
from tests.support.tenant_admin import Ran, command

from common.key_rings import KeyRings
from common.postgres.engine import connect
from common.service.health import Health, HealthServer
from common.topics import MESSAGES_INBOUND, dlq_of
from devkit.stack.ports import free_ports

pytestmark = pytest.mark.integration
NOBODY = "http://127.0.0.1:9"


def doctor(*words: str, **variables: str) -> Ran:
    return command("manage_clients.py", "doctor", *words, WHATSAPP_GRAPH_URL=NOBODY, **variables)


def findings(ran: Ran) -> dict[str, dict[str, Any]]:
    """The worst of each check."""
    order = ("failed", "warning", "not run", "ok")
    found = sorted(json.loads(ran.stdout), key=lambda one: order.index(one["state"]), reverse=True)
    return {finding["check"]: finding for finding in found}


def add_client(url: str, rings: Path, **variables: str) -> None:
    fields = ("add", "La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")
    variables |= {"DATABASE_URL": url, "KEY_RING_FILE": str(rings)}
    command("manage_clients.py", *fields, "--set", "model=gpt-5", **variables)
    command("manage_clients.py", "token", "1", stdin="EAAG-token-of-the-client", **variables)


async def test_a_whole_installation_is_looked_at(url: str, kafka: Broker, tmp_path: Path) -> None:
    rings = tmp_path / "rings.json"
    rings.write_text(KeyRings.fresh().text())
    produce(kafka.settings, dlq_of(MESSAGES_INBOUND), [("key", b"bad")])
    broker = kafka.settings.kafka_environment()
    add_client(url, rings, **broker)
    server = HealthServer(Health(), "127.0.0.1", 0)
    await server.start()
    address = f"127.0.0.1:{server.port}"
    variables = {"DATABASE_URL": url, "KEY_RING_FILE": str(rings), **broker}
    ran = doctor("--json", "--service", address, **variables)
    found = findings(ran)
    await server.stop()
    assert ran.stderr == ""
    for check in ("database", "migrations", "outbox admin", "clock, database", "key rings"):
        assert found[check]["state"] == "ok", found[check]
    for check in ("broker", "topics", f"service {address}", "numbers"):
        assert found[check]["state"] == "ok", found[check]
    assert "gpt-5 " in found["models"]["message"]
    assert found["models"]["state"] in ("warning", "failed"), "it ends on 2026-12-11"
    assert found["set aside"]["state"] == "warning"
    assert dlq_of(MESSAGES_INBOUND).name in found["set aside"]["message"]
    assert found["consumer groups"]["state"] == "warning", "no service has run yet"
    assert {found[name]["state"] for name in ("webhook", "outbox sender")} == {"not run"}
    assert found["clock, Graph"]["state"] == "warning"


def test_what_has_failed_is_told_and_is_the_exit_code(url: str, tmp_path: Path) -> None:
    rings = tmp_path / "rings.json"
    rings.write_text(KeyRings.fresh().text())
    add_client(url, rings)
    rings.write_text(KeyRings.fresh().text())
    with connect(url, "tests", "admin", 1).begin() as connection:
        connection.exec_driver_sql("update outbox set created_at = now() - interval '1 hour'")
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    began = monotonic()
    ran = doctor(
        "--json",
        "--service",
        nobody,
        DATABASE_URL=url,
        KEY_RING_FILE=str(rings),
        KAFKA_BOOTSTRAP_SERVERS=nobody,
    )
    assert monotonic() - began < 30
    assert ran.returncode == 1
    found = findings(ran)
    for check in ("key rings", "outbox admin", "broker", "topics", f"service {nobody}"):
        assert found[check]["state"] == "failed", found[check]
    assert found["database"]["state"] == "ok"
    table = doctor(DATABASE_URL=url, KAFKA_BOOTSTRAP_SERVERS=nobody).stdout
    assert "failed" in table
    assert "Traceback" not in table


@pytest.mark.parametrize("url_given", [None, "nonsense", "postgresql://h:notaport/x"])
def test_wrong_settings_fail_alone(url_given: str | None) -> None:
    ran = doctor("--json", **({"DATABASE_URL": url_given} if url_given else {}))
    assert (ran.returncode, ran.stderr) == (1, "")
    found = findings(ran)
    assert found["settings of Kafka"]["state"] == "failed"
    assert "KAFKA_BOOTSTRAP_SERVERS" in found["settings of Kafka"]["message"]
    assert found["topics"]["state"] == "not run"
    assert found["settings of Graph"]["state"] == "ok"
    assert found["database"]["state"] in ("not run", "failed")
