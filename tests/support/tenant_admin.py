"""tenant-admin on a real database and broker: over ASGI, as commands, as a process."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import httpx
from tests.support.components import keep_running
from tests.support.processes import ROOT, running_service

from common.kafka.producer import Producer
from common.key_rings import KeyRings
from common.outbox import Outbox
from common.service.clock import SystemClock
from common.service.crash_points import CrashPoints
from common.service.lifecycle import Lifecycle
from common.service.settings import KafkaSettings
from devkit.stack.ports import free_ports
from tenant_admin.api.app import create_asgi_app
from tenant_admin.api.dependencies import Services
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.file_forms import FileForms
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase
from tenant_admin.whatsapp.upload_media import MediaUploads

Ran = subprocess.CompletedProcess[str]
KEY = "bootstrap-key-of-the-tests"
NO_UPLOADS = MediaUploads("http://127.0.0.1:9/v26.0", None)
PLAZA: dict[str, Any] = {
    "name": "Restaurante La Plaza",
    "phone_number": "+34666777888",
    "phone_number_id": "631261586727899",
    "assistant_id": "asst_abc123xyz",
}


@dataclass(frozen=True)
class Admin:
    """`http` carries the bootstrap key, and changes whatever is there."""

    http: httpx.AsyncClient
    database: SqlAlchemyDatabase
    outbox: Outbox

    async def add(self, **fields: Any) -> dict[str, Any]:
        number = fields.get("phone_number_id")
        phone = {"phone_number": f"+34{number[-9:]:0>9}"} if number else {}
        answer = await self.http.post("/v1/clients", json=PLAZA | phone | fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def rows(self, statement: str) -> list[Any]:
        def query(connection: Any) -> list[Any]:
            return list(connection.exec_driver_sql(statement))

        return await self.database.transaction(query)


@asynccontextmanager
async def running(
    url: str,
    kafka: KafkaSettings,
    ring: Path | None = None,
    uploads: MediaUploads = NO_UPLOADS,
) -> AsyncIterator[Admin]:
    life = Lifecycle("tenant-admin")
    database = SqlAlchemyDatabase(url, "admin", life)
    producer = Producer(kafka, life, deadline_ms=0)
    outbox = Outbox(database, producer, life)
    failed_keys, points = FailedKeys(monotonic), CrashPoints()
    services = Services(
        database, outbox, SystemClock(), (KEY,), failed_keys, ring, points, uploads, FileForms()
    )
    headers = {"Authorization": f"Bearer {KEY}", "If-Match": "*"}
    transport = httpx.ASGITransport(create_asgi_app(services))
    http = httpx.AsyncClient(transport=transport, base_url="http://admin", headers=headers)
    async with keep_running([database, producer, outbox]), http:
        yield Admin(http, database, outbox)


def environment(**variables: str) -> dict[str, str]:
    """Nothing of the caller's settings."""
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **variables}


def command(script: str, *words: str, stdin: str = "", **variables: str) -> Ran:
    """Runs scripts/<script> as an operator does."""
    return subprocess.run(
        [sys.executable, f"scripts/{script}", *words],
        input=stdin,
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def served(url: str, kafka: KafkaSettings, **more: str) -> Iterator[str]:
    """The service as a process of its own; its base URL once it is ready. It must drain cleanly."""
    (port,) = free_ports(1)
    settings = {"DATABASE_URL": url, "ADMIN_API_KEY": KEY, "ADMIN_PORT": str(port)}
    with TemporaryDirectory() as folder:
        ring = Path(folder) / "ring.json"
        ring.write_text(KeyRings.fresh().text())
        settings |= {"KEY_RING_FILE": str(ring)} | more
        with running_service("tenant_admin", kafka, Path(folder), **settings) as service:
            service.wait_until_ready()
            yield f"http://127.0.0.1:{port}"
            assert service.drain() == 0
