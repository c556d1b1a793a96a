"""The HTTP API on a real database and a real broker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.kafka import Broker
from tests.support.records import await_events, await_records
from tests.support.tenant_admin import PLAZA, Admin, running

from common.events import AssistantConfig, TenantConfig
from common.key_rings import KeyRings
from common.sealed import unseal
from common.topics import ASSISTANTS_CONFIG, TENANTS_CONFIG
from tenant_admin.api.docs_page import operations
from tenant_admin.api.document import openapi
from tenant_admin.core.tables import metadata

pytestmark = pytest.mark.integration
SECRET = "EAAG-secret-of-la-plaza"


@pytest.fixture
async def admin(url: str, kafka: Broker, ring: Path) -> AsyncIterator[Admin]:
    async with running(url, kafka.settings, ring) as started:
        yield started


async def published(kafka: Broker, count: int) -> list[TenantConfig]:
    return await asyncio.to_thread(
        await_events, kafka.settings, TENANTS_CONFIG, TenantConfig, count
    )


async def test_a_new_client_is_published_with_its_assistant_from_the_template(
    admin: Admin, kafka: Broker
) -> None:
    made = await admin.add()
    assert (made["active"], made["version"], made["assistant_created"]) == (True, 1, True)
    assert "/v1/assistants/asst_abc123xyz/versions" in made["notice"]
    [client] = await published(kafka, 1)
    assert (client.tenant_id, client.name, client.active) == (made["id"], PLAZA["name"], True)
    [assistant] = await asyncio.to_thread(
        await_events, kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 1
    )
    assert (assistant.assistant_id, assistant.model) == ("asst_abc123xyz", "gpt-6-luna")
    assert PLAZA["name"] in assistant.instructions


async def test_a_second_client_of_the_same_assistant_makes_no_other(admin: Admin) -> None:
    await admin.add()
    second = await admin.add(phone_number_id="22222")
    assert not second["assistant_created"]
    assert await admin.rows("select count(*) from assistant_version") == [(1,)]


async def test_a_taken_number_is_refused_and_nothing_of_the_attempt_stays(admin: Admin) -> None:
    first = await admin.add()
    answer = await admin.http.post("/v1/clients", json=PLAZA | {"assistant_id": "asst_other"})
    assert answer.status_code == 409
    [error] = answer.json()["errors"]
    assert error["field"] == "phone_number_id"
    assert f"client {first['id']}" in error["message"]
    assert await admin.rows("select assistant_id from assistant") == [("asst_abc123xyz",)]
    assert await admin.rows("select count(*) from audit_log") == [(2,)]


async def test_a_moved_and_then_deleted_number_ends_in_tombstones(
    admin: Admin, kafka: Broker
) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}"
    assert (await admin.http.patch(path, json={"phone_number_id": "22222"})).is_success
    assert (await admin.http.delete(path)).status_code == 204
    published_records = await asyncio.to_thread(
        await_records, kafka.settings, TENANTS_CONFIG, lambda read: len(read) == 4
    )
    by_key = {
        key: [record.value is None for record in published_records if record.key == key]
        for key in (b"631261586727899", b"22222")
    }
    assert by_key == {b"631261586727899": [False, True], b"22222": [False, True]}
    assert (await admin.http.get(path)).status_code == 404


async def test_activation_is_idempotent_and_audited_once(admin: Admin, kafka: Broker) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}/deactivate"
    answers = [(await admin.http.post(path)).json() for _ in range(2)]
    assert [(client["active"], client["version"]) for client in answers] == [(False, 2), (False, 2)]
    actions = await admin.rows("select action from audit_log where object like 'client:%%'")
    assert actions == [("client.create",), ("client.deactivate",)]
    assert [client.active for client in await published(kafka, 2)] == [True, False]


async def test_a_change_based_on_an_old_version_is_refused(admin: Admin) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}"
    tag = (await admin.http.get(path)).headers["ETag"]
    first = await admin.http.patch(path, json={"name": "A"}, headers={"If-Match": tag})
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    late = await admin.http.patch(path, json={"name": "B"}, headers={"If-Match": tag})
    assert late.status_code == 412
    assert (await admin.http.get(path)).json()["name"] == "A"


async def test_a_secret_is_sealed_for_its_client_and_never_shown(
    admin: Admin, kafka: Broker, ring: Path
) -> None:
    made = await admin.add()
    path = f"/v1/clients/{made['id']}"
    answer = await admin.http.put(f"{path}/secrets/access_token", json={"value": SECRET})
    assert answer.json()["has_access_token"]
    shown = [answer, *[await admin.http.get(url) for url in (path, "/v1/clients", "/v1/audit")]]
    sealed = (await published(kafka, 2))[-1].access_token
    assert sealed is not None
    assert all(SECRET not in each.text and sealed not in each.text for each in shown)
    assert SECRET not in sealed
    opening = KeyRings.read(ring).ring("access_token")
    assert unseal(opening, made["id"], "access_token", sealed) == SECRET
    gone = await admin.http.delete(f"{path}/secrets/access_token")
    assert not gone.json()["has_access_token"]
    assert (await published(kafka, 3))[-1].access_token is None


async def test_the_audit_line_and_the_change_live_or_die_together(admin: Admin) -> None:
    """The log refuses the line, so the client must not exist either."""

    def forbid(connection: sa.Connection) -> None:
        connection.exec_driver_sql("alter table audit_log add constraint full_log check (false)")

    await admin.database.transaction(forbid)
    answer = await admin.http.post("/v1/clients", json=PLAZA)
    assert answer.status_code == 409
    for table in ("clients", "assistant", "outbox"):
        assert await admin.rows(f"select count(*) from {table}") == [(0,)]


async def test_the_audit_log_cannot_be_rewritten(admin: Admin) -> None:
    await admin.add()
    for statement in ("update audit_log set actor = 'x'", "delete from audit_log"):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            await admin.rows(statement)


async def test_a_rollback_publishes_the_older_version_again(admin: Admin, kafka: Broker) -> None:
    await admin.add()
    path = "/v1/assistants/asst_abc123xyz"
    new = {"name": "La Plaza", "instructions": "Open 13:00-16:00.", "temperature": 0.5}
    second = await admin.http.post(f"{path}/versions", json=new)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    back = await admin.http.post(f"{path}/publish", json={"version": 1})
    assert (back.status_code, back.json()["version"]) == (200, 1)
    assert (await admin.http.get(path)).json()["version"] == 1
    versions = await asyncio.to_thread(
        await_events, kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 3
    )
    assert [(event.version, event.revision) for event in versions] == [(1, 1), (2, 2), (1, 3)]
    assert len({event.event_id for event in versions}) == 3


async def test_an_assistant_in_use_cannot_be_deleted(admin: Admin) -> None:
    made = await admin.add()
    path = "/v1/assistants/asst_abc123xyz"
    assert (await admin.http.delete(path)).status_code == 409
    await admin.http.delete(f"/v1/clients/{made['id']}")
    assert (await admin.http.delete(path)).status_code == 204
    assert (await admin.http.get(path)).status_code == 404


EXPORT = [
    {"id": "asst_1", "object": "assistant", "name": "Uno", "model": "gpt-4o", "instructions": "1"},
    {"id": "asst_2", "name": "Dos", "model": "gpt-6-luna", "instructions": "a\u0000b"},
    "not an assistant",
]


async def test_an_import_reports_changes_nothing_when_dry_and_repeats_without_effect(
    admin: Admin,
) -> None:
    async def imported(dry_run: bool) -> list[str]:
        params = {"dry_run": dry_run}
        answer = await admin.http.post("/v1/assistants/import", json=EXPORT, params=params)
        return [item["action"] for item in answer.json()["items"]]

    assert await imported(dry_run=True) == ["created", "created", "skipped"]
    assert (await admin.http.get("/v1/assistants")).json()["items"] == []
    assert await imported(dry_run=False) == ["created", "created", "skipped"]
    assert await imported(dry_run=False) == ["unchanged", "unchanged", "skipped"]
    assert await admin.rows("select count(*) from assistant_version") == [(2,)]


async def test_pages_join_to_the_whole_list(admin: Admin) -> None:
    ids = [(await admin.add(phone_number_id=str(10000 + n)))["id"] for n in range(5)]
    listed, after = [], "0"
    while after:
        answer = await admin.http.get("/v1/clients", params={"limit": 2, "after": after})
        listed += [client["id"] for client in answer.json()["items"]]
        after = answer.json()["next"]
    assert listed == ids


IN_PATHS = {
    "client_id": 1,
    "assistant_id": "a",
    "version": 1,
    "prefix": "abcdefgh",
    "field": "access_token",
    "contact": "34600111222",
}


async def test_every_route_refuses_no_key_a_wrong_key_and_a_key_without_the_scope(
    admin: Admin,
) -> None:
    for number, (method, path, operation) in enumerate(operations(openapi())):
        [scope] = operation["security"][0]["key"]
        other = "audit:read" if scope != "audit:read" else "clients:read"
        narrow = {"name": f"narrow {number}", "scopes": [other]}
        made = await admin.http.post("/v1/keys", json=narrow)
        url = path.format(**IN_PATHS)
        statuses = {"": 401, made.json()["key"]: 403}
        for key, status in statuses.items():
            headers = {"Authorization": f"Bearer {key}" if key else ""}
            answer = await admin.http.request(method, url, headers=headers, json={})
            assert (answer.status_code, method, path) == (status, method, path)
            assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_revoked_key_stops_at_once_and_its_secret_is_not_stored(admin: Admin) -> None:
    made = (
        await admin.http.post("/v1/keys", json={"name": "crm", "scopes": ["clients:read"]})
    ).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await admin.http.get("/v1/clients", headers=headers)).status_code == 200
    [kept] = await admin.rows("select api_key::text from api_key")
    assert made["key"].split("_", 2)[2] not in kept[0]
    listed = await admin.http.get("/v1/keys")
    assert made["key"] not in listed.text
    assert listed.json()["items"][0]["last_used"] is not None
    assert (await admin.http.delete(f"/v1/keys/{made['prefix']}")).status_code == 200
    assert (await admin.http.get("/v1/clients", headers=headers)).status_code == 401


async def test_guessing_is_slowed_down_while_a_right_key_still_passes(admin: Admin) -> None:
    guess = {"Authorization": "Bearer csj_aaaaaaaa_" + "x" * 43}
    statuses = [(await admin.http.get("/v1/clients", headers=guess)).status_code for _ in range(21)]
    assert statuses == [401] * 20 + [429]
    actions = await admin.rows("select action, object from audit_log group by 1, 2")
    assert actions == [("key.refused", "remote:127.0.0.1")]
    assert (await admin.http.get("/v1/clients")).status_code == 200


async def test_what_is_no_key_at_all_is_refused_without_the_database(admin: Admin) -> None:
    for url in ("/v1/clients", "/v1/nothing"):
        answer = await admin.http.get(url, headers={"Authorization": "Bearer nonsense"})
        assert answer.status_code == 401
    assert await admin.rows("select * from audit_log") == []


@pytest.mark.parametrize(
    "path", ["/v1/clients/99", "/v1/assistants/none", "/v1/nothing", "/v1/clients/"]
)
async def test_what_is_not_there_is_404_with_a_problem(admin: Admin, path: str) -> None:
    answer = await admin.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


async def test_the_tables_in_code_are_those_of_the_migrations(admin: Admin) -> None:
    def columns(connection: sa.Connection) -> dict[str, set[str]]:
        inspector = sa.inspect(connection)
        return {
            name: {column["name"] for column in inspector.get_columns(name)}
            for name in inspector.get_table_names()
        }

    there = await admin.database.transaction(columns)
    for name, table in metadata.tables.items():
        assert there[name] == {column.name for column in table.columns}


async def test_a_change_too_large_for_its_topic_is_refused_until_it_is_shortened(
    admin: Admin, kafka: Broker
) -> None:
    """Settings that an older version took: nobody could publish them."""
    client = await admin.add()
    settings = "jsonb_build_object('opt_out_words', array[repeat('x', 2000000)])"
    await admin.rows(f"update clients set settings = {settings} returning id")
    path = f"/v1/clients/{client['id']}"
    refused = await admin.http.post(f"{path}/deactivate")
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["settings"]
    repaired = await admin.http.patch(path, json={"settings": {"opt_out_words": ["STOP"]}})
    assert repaired.status_code == 200
    assert (await admin.http.post(f"{path}/deactivate")).json()["active"] is False
    assert [event.active for event in await published(kafka, 3)] == [True, True, False]
