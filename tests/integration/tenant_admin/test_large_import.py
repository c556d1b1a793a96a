"""Imports as large as people send them: bounded, in few statements, and nobody waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from tests.support.kafka import Broker
from tests.support.records import await_events
from tests.support.tenant_admin import Admin

from common.events import AssistantConfig
from common.postgres.engine import connect
from common.topics import ASSISTANTS_CONFIG

pytestmark = pytest.mark.integration
PATH = "/v1/assistants/import"
MOST = 500


def an_export(number: int, text: str = "Be kind. " * 200) -> dict[str, Any]:
    name = f"Assistant {number}"
    return {"id": f"asst_{number}", "name": name, "model": "gpt-6-luna", "instructions": text}


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    """Those that SQLAlchemy runs meanwhile."""
    found: list[str] = []

    def add(_: object, __: object, statement: str, *___: object) -> None:
        found.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", add)
    yield found
    sa.event.remove(sa.Engine, "before_cursor_execute", add)


async def test_the_largest_import_is_a_few_statements(admin: Admin, kafka: Broker) -> None:
    exported = [an_export(number) for number in range(MOST)]
    with counted_statements() as statements:
        answer = await admin.http.post(PATH, json=exported)
    assert (answer.status_code, len(answer.json()["items"])) == (200, MOST), answer.text
    assert {item["action"] for item in answer.json()["items"]} == {"created"}
    assert len(statements) < 20
    again = await admin.http.post(PATH, json=[an_export(3, "Be brief."), *exported[1:]])
    assert [item["action"] for item in again.json()["items"][:2]] == ["new version", "unchanged"]
    events = await asyncio.to_thread(
        await_events, kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, MOST + 1
    )
    assert [each.revision for each in events if each.assistant_id == "asst_3"] == [1, 2]
    assert await admin.rows("select count(*) from audit_log") == [(MOST + 1,)]


async def test_one_more_is_refused_with_the_number_that_is_taken(admin: Admin) -> None:
    for body in (
        orjson.dumps([an_export(number, "Be kind.") for number in range(MOST + 1)]),
        b"0\n" * 200_000,
        orjson.dumps([0] * 200_000),
        b"[" + b"[]," * 2_000_000 + b"0]",
    ):
        began = monotonic()
        answer = await admin.http.post(PATH, content=body)
        assert answer.status_code == 422
        assert "send at most 500 assistants at once" in answer.json()["detail"]
        assert monotonic() - began < 20
    assert await admin.rows("select count(*) from assistant") == [(0,)]


async def test_the_same_assistant_twice_in_a_file_is_two_versions_and_one_event(
    admin: Admin, kafka: Broker
) -> None:
    file = [an_export(1, "One."), an_export(2), an_export(1, "Two."), an_export(1, "One.")]
    items = (await admin.http.post(PATH, json=file)).json()["items"]
    assert [(item["action"], item["version"]) for item in items] == [
        ("created", 1),
        ("created", 1),
        ("new version", 2),
        ("unchanged", 1),
    ]
    assert (await admin.http.get("/v1/assistants/asst_1")).json()["instructions"] == "Two."
    events = await asyncio.to_thread(
        await_events, kafka.settings, ASSISTANTS_CONFIG, AssistantConfig, 2
    )
    assert {(event.assistant_id, event.version) for event in events} == {
        ("asst_1", 2),
        ("asst_2", 1),
    }


async def test_an_import_that_cannot_go_on_ends_once_and_says_what_to_do(
    admin: Admin, url: str
) -> None:
    """Somebody else holds the table for longer than a lock is waited for."""
    with connect(url, "tests", "admin", 1).begin() as connection:
        connection.exec_driver_sql("lock table assistant_version in access exclusive mode")
        with counted_statements() as statements:
            answer = await admin.http.post(PATH, json=[an_export(1)])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "send fewer assistants at once" in answer.json()["detail"]
    assert len([each for each in statements if "max(version)" in each]) == 1
