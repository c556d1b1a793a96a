"""A wrong key ring is found when a service starts, by the name of its setting."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.rings import rings_of_before

from common.key_rings import KeyRings
from ops.service_rings import rings_for

SERVICES = {
    "sender": {},
    "assistant": {"OPENAI_API_KEY": "sk-of-these-tests-alone"},
    "tenant-admin": {"ADMIN_API_KEY": "an-admin-key-of-tests"},
}
RINGS = KeyRings.fresh()
LOAD = """
import sys
from importlib import import_module
from common.service.settings import load
print(load(import_module(f"{sys.argv[1].replace('-', '_')}.settings").Settings).key_ring_file)
"""


def started(service: str, ring: Path | None, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://a:b@c/d"}
    environment |= {"KEY_RING_FILE": str(ring)} if ring else {}
    return subprocess.run(
        [sys.executable, "-c", LOAD, service],
        env=environment | SERVICES[service] | more,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    return tmp_path / "ring.json"


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_may_have_is_enough_for_it(service: str, ring: Path) -> None:
    for rings in (rings_for(service, RINGS), rings_of_before()):
        ring.write_text(rings.text())
        done = started(service, ring)
        assert (done.stdout.strip(), done.stderr) == (str(ring), "")


@pytest.mark.parametrize("service", ["sender", "tenant-admin"])
def test_m9c_a_missing_ring_is_found_at_start(service: str, ring: Path) -> None:
    done = started(service, None)
    assert done.returncode == 2
    assert "KEY_RING_FILE is missing" in done.stderr
    done = started(service, ring)
    assert (done.returncode, done.stderr) == (
        2,
        f"settings: KEY_RING_FILE: cannot read {ring}: No such file or directory\n",
    )


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("text", ["", "{}", "null", '{"active": "k1", "keys": {"k1": "CANARY"}}'])
def test_m9c_a_wrong_ring_is_found_at_start(service: str, text: str, ring: Path) -> None:
    ring.write_text(text)
    done = started(service, ring)
    assert done.returncode == 2
    assert done.stderr.startswith(f"settings: KEY_RING_FILE: {ring} is no key ring: ")
    assert "CANARY" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("service", ["sender", "assistant"])
def test_m9c_who_must_open_is_not_content_with_public_keys(service: str, ring: Path) -> None:
    ring.write_text(rings_for("tenant-admin", RINGS).text())
    done = started(service, ring)
    assert done.returncode == 2
    assert "has public keys, which open nothing" in done.stderr


@pytest.mark.parametrize("service", ["assistant", "tenant-admin"])
def test_m9c_each_field_needs_a_ring(service: str, ring: Path) -> None:
    ring.write_text(rings_for("sender", RINGS).text())
    done = started(service, ring)
    assert done.returncode == 2
    assert "has no key ring of openai_api_key" in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_m8_a_ring_of_zeros_is_refused_unless_it_is_allowed_by_name(
    service: str, ring: Path
) -> None:
    ring.write_text('{"active": "k1", "keys": {"k1": "' + "A" * 43 + '="}}')
    done = started(service, ring)
    assert done.returncode == 2
    assert "a key that everybody knows or guesses" in done.stderr
    assert started(service, ring, ALLOW_WEAK_SECRETS="KEY_RING_FILE").returncode == 0
    assert started(service, ring, ALLOW_WEAK_SECRETS="WHATSAPP_ACCESS_TOKEN").returncode == 2
