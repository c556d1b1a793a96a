"""The compacted topics equal the database again, also after faults."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.support.builders import a_tenant
from tests.support.clock import FixedClock
from tests.support.kafka import Broker, broker_at, reset
from tests.support.records import await_events, await_records, produce
from tests.support.tenant_admin import KEY, PLAZA, Admin, running, served

from common.events import AssistantConfig, TenantConfig
from common.kafka.record import Record
from common.postgres.engine import connect
from common.service.tracing import new_trace_id
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from devkit.stack.ports import free_ports
from tenant_admin.config_sync.job import ConfigSync
from tenant_admin.core import clients
from tenant_admin.core.changes import ChangeContext
from tenant_admin.core.schemas import NewClient

pytestmark = pytest.mark.integration
NUMBER = PLAZA["phone_number_id"]
LATER = timedelta(minutes=1)  # nothing rests any more


async def compared(admin: Admin, kafka: Broker, after: timedelta = LATER) -> int:
    """One pass, once everything of before has been published."""
    async with asyncio.timeout(10):
        while await admin.rows("select 1 from outbox"):
            await asyncio.sleep(0.02)
    clock = FixedClock(datetime.now(UTC) + after)
    return await ConfigSync(kafka.settings, admin.database, admin.outbox, clock).sync_once()


async def tenants(kafka: Broker, count: int) -> list[Record]:
    def enough(read: list[Record]) -> bool:
        return len(read) >= count

    return await asyncio.to_thread(await_records, kafka.settings, TENANTS_CONFIG, enough)


async def publish(kafka: Broker, key: str, value: bytes | None) -> None:
    await asyncio.to_thread(produce, kafka.settings, TENANTS_CONFIG, [(key, value)])


async def change(admin: Admin, client: dict[str, Any], **fields: Any) -> None:
    answer = await admin.http.patch(f"/v1/clients/{client['id']}", json=fields)
    assert answer.status_code == 200, answer.text


async def test_nothing_is_published_when_all_is_equal(admin: Admin, kafka: Broker) -> None:
    client = await admin.add()
    await change(admin, client, name="La Plaza Mayor")
    gone = await admin.add(phone_number_id="22222")
    assert (await admin.http.delete(f"/v1/clients/{gone['id']}")).status_code == 204
    assert await compared(admin, kafka) == 0


async def test_emptied_topics_hold_every_client_and_assistant_again(
    url: str, kafka: Broker
) -> None:
    async with running(url, kafka.settings) as before:
        await change(before, await before.add(), name="La Plaza Mayor")
        await before.add(phone_number_id="22222", assistant_id="asst_other")
        assert await compared(before, kafka) == 0
    await asyncio.to_thread(reset, kafka.settings)
    async with running(url, kafka.settings) as admin:
        assert await compared(admin, kafka) == 4
        assert await compared(admin, kafka) == 0
    there = await_events(kafka.settings, TENANTS_CONFIG, TenantConfig, 2)
    assert {(client.phone_number_id, client.name, client.revision) for client in there} == {
        (NUMBER, "La Plaza Mayor", 2),
        ("22222", PLAZA["name"], 1),
    }
    assistants = await_events(kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 2)
    assert {assistant.assistant_id for assistant in assistants} == {
        PLAZA["assistant_id"],
        "asst_other",
    }


async def test_an_older_copy_that_came_last_is_followed_by_the_current_one(
    admin: Admin, kafka: Broker
) -> None:
    client = await admin.add()
    [first] = await tenants(kafka, 1)
    await change(admin, client, name="La Plaza Mayor")
    await tenants(kafka, 2)
    await publish(kafka, NUMBER, first.value)
    assert await compared(admin, kafka) == 1
    last = TenantConfig.decode((await tenants(kafka, 4))[-1].value)
    assert (last.name, last.revision) == ("La Plaza Mayor", 2)
    assert await compared(admin, kafka) == 0


async def test_a_late_tombstone_and_an_unreadable_record_are_put_right(
    admin: Admin, kafka: Broker
) -> None:
    await admin.add()
    await tenants(kafka, 1)
    for count, wrong in ((3, None), (5, b"not an event")):
        await publish(kafka, NUMBER, wrong)
        assert await compared(admin, kafka) == 1
        assert TenantConfig.decode((await tenants(kafka, count))[-1].value).name == PLAZA["name"]


async def test_what_is_no_client_any_more_gets_a_tombstone(admin: Admin, kafka: Broker) -> None:
    client = await admin.add()
    [alive] = await tenants(kafka, 1)
    await admin.http.delete(f"/v1/clients/{client['id']}")
    await tenants(kafka, 2)
    await publish(kafka, NUMBER, alive.value)
    assert await compared(admin, kafka) == 1
    last = (await tenants(kafka, 4))[-1]
    assert (last.key, last.value) == (NUMBER.encode(), None)


async def test_a_topic_ahead_of_the_database_steps_back(admin: Admin, kafka: Broker) -> None:
    client = await admin.add()
    await tenants(kafka, 1)
    ahead = a_tenant(tenant_id=client["id"], phone_number_id=NUMBER, revision=9)
    await publish(kafka, NUMBER, ahead.encode())
    assert await compared(admin, kafka) == 2
    *_, gone, current = await tenants(kafka, 4)
    assert gone.value is None
    assert TenantConfig.decode(current.value).revision == 1


async def test_what_changed_just_now_is_left_alone(admin: Admin, kafka: Broker) -> None:
    await admin.add()
    await tenants(kafka, 1)
    await publish(kafka, NUMBER, None)
    assert await compared(admin, kafka, after=timedelta()) == 0
    assert await compared(admin, kafka) == 1


async def test_a_client_that_is_being_made_meanwhile_is_not_taken_for_gone(
    admin: Admin, kafka: Broker, url: str
) -> None:
    await publish(kafka, NUMBER, a_tenant(phone_number_id=NUMBER).encode())
    trace_id = new_trace_id()
    context = ChangeContext("test", None, trace_id, trace_id, datetime.now(UTC) - LATER)
    engine = connect(url, "tests", "admin", 1)
    with engine.connect() as connection, connection.begin() as making:
        made = clients.create(connection, context, NewClient(**PLAZA))
        comparing = asyncio.create_task(compared(admin, kafka))
        async with asyncio.timeout(10):
            while not await admin.rows("select 1 from pg_locks where not granted"):
                assert not comparing.done()
                await asyncio.sleep(0.02)
        making.commit()
    engine.dispose()
    assert await comparing == 0
    admin.outbox.publish(made.rows)
    assert TenantConfig.decode((await tenants(kafka, 2))[-1].value).name == PLAZA["name"]
    assert await compared(admin, kafka) == 0


def test_the_started_service_compares_at_once(url: str, kafka: Broker) -> None:
    stranger = a_tenant(phone_number_id="gone")
    produce(kafka.settings, TENANTS_CONFIG, [("gone", stranger.encode())])
    with served(url, kafka.settings):
        read = await_records(kafka.settings, TENANTS_CONFIG, lambda so_far: len(so_far) == 2)
    assert [record.value for record in read if record.key == b"gone"][-1] is None


def test_the_service_starts_answers_and_ends_without_a_broker(url: str) -> None:
    closed = broker_at(f"127.0.0.1:{free_ports(1)[0]}")
    with served(url, closed) as base:
        answer = httpx.get(f"{base}/v1/clients", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
