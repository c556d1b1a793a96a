"""The API while its database is away."""

import httpx
from tests.support.kafka import broker_at
from tests.support.tenant_admin import KEY, NO_UPLOADS

from common.kafka.producer import Producer
from common.outbox import Outbox
from common.service.clock import SystemClock
from common.service.crash_points import CrashPoints
from common.service.lifecycle import Lifecycle
from devkit.stack.ports import free_ports
from tenant_admin.api.app import create_asgi_app
from tenant_admin.api.dependencies import Services
from tenant_admin.api.failed_keys import FailedKeys
from tenant_admin.api.file_forms import FileForms
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase


async def test_without_its_database_the_api_says_503_and_when_to_repeat() -> None:
    [port] = free_ports(1)
    secret = "a-password"
    url = f"postgresql://admin:{secret}@127.0.0.1:{port}/conserje"
    life = Lifecycle("tenant-admin")
    database = SqlAlchemyDatabase(url, "admin", life)
    outbox = Outbox(database, Producer(broker_at(f"127.0.0.1:{port}"), life), life)
    failed_keys = FailedKeys(lambda: 0.0)
    services = Services(
        database,
        outbox,
        SystemClock(),
        (KEY,),
        failed_keys,
        None,
        CrashPoints(),
        NO_UPLOADS,
        FileForms(),
    )
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_asgi_app(services)),
        base_url="http://admin",
        headers=headers,
    ) as http:
        answer = await http.get("/v1/clients")
    await database.stop()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert secret not in answer.text
