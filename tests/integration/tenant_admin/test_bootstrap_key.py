"""ADMIN_API_KEY of the service as a process: several while it is rotated, and none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson
import pytest
from tests.support.kafka import Broker
from tests.support.processes import running_service

from common.key_rings import KeyRings
from devkit.stack.ports import free_ports

pytestmark = pytest.mark.integration
NEW, OLD = "the-new-bootstrap-key", "the-old-bootstrap-key"


class Served(NamedTuple):
    base: str
    log: Path

    def status(self, key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{self.base}/v1/keys", headers=headers, timeout=30).status_code

    def line(self, event: str) -> dict[str, object]:
        lines = [orjson.loads(line) for line in self.log.read_bytes().splitlines()]
        return next((line for line in lines if line["event"] == event), {})


@contextmanager
def served_with(keys: str, url: str, kafka: Broker, folder: Path) -> Iterator[Served]:
    (port,) = free_ports(1)
    ring = folder / "ring.json"
    ring.write_text(KeyRings.fresh().text())
    settings = {"DATABASE_URL": url, "ADMIN_PORT": str(port), "KEY_RING_FILE": str(ring)}
    with running_service(
        "tenant_admin", kafka.settings, folder, ADMIN_API_KEY=keys, **settings
    ) as service:
        service.wait_until_ready()
        yield Served(f"http://127.0.0.1:{port}", service.log)
        assert service.drain() == 0


def test_l3_the_bootstrap_key_overlaps_while_it_is_rotated_and_goes_when_a_key_is_there(
    url: str, kafka: Broker, tmp_path: Path
) -> None:
    with served_with("off", url, kafka, tmp_path) as nobody:
        assert [nobody.status(key) for key in (NEW, "off")] == [401, 401]
        assert "ADMIN_API_KEY" in str(nobody.line("no_key_makes_keys")["fix"])
    with served_with(f"{NEW}, {OLD}", url, kafka, tmp_path) as both:
        assert [both.status(key) for key in (NEW, OLD)] == [200, 200]
        form = {"name": "marta", "role": "administrator"}
        headers = {"Authorization": f"Bearer {NEW}"}
        made = httpx.post(f"{both.base}/v1/keys", json=form, headers=headers, timeout=30).json()
    with served_with("off", url, kafka, tmp_path) as off:
        assert [off.status(key) for key in (NEW, OLD, made["key"])] == [401, 401, 200]
        told = off.line("bootstrap_keys")
        assert (told["valid"], told["others"]) == (0, 1)
        assert off.line("no_key_makes_keys") == {}
