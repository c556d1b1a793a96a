"""What people of the business want of a conversation goes to the assistant, audited."""

import asyncio
import json
from typing import Any

import pytest
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.records import await_events
from tests.support.tenant_admin import Admin, command

from common.events import ConversationCommand
from common.topics import CONVERSATIONS_COMMANDS

pytestmark = pytest.mark.integration
CONTACT = "ES.13491208655302741918"
ADD = ("add", "Restaurante La Plaza", "+34666777888", "631261586727899", "asst_abc123xyz")


async def commands(kafka: Broker, count: int) -> list[ConversationCommand]:
    return await asyncio.to_thread(
        await_events, kafka.settings, CONVERSATIONS_COMMANDS, ConversationCommand, count
    )


async def order(admin: Admin, client: int, what: str, contact: str = CONTACT, **more: Any) -> Any:
    return await admin.http.post(f"/v1/clients/{client}/conversations/{contact}/{what}", **more)


async def test_each_command_is_published_under_the_conversation_and_audited(
    admin: Admin, kafka: Broker
) -> None:
    client = (await admin.add())["id"]
    answers = [
        await order(admin, client, "take-over", json={"minutes": 90}),
        await order(admin, client, "take-over"),
        await order(admin, client, "say", json={"text": "Soy *Marta*."}),
        await order(admin, client, "resume"),
        await order(admin, client, "opt-out"),
        await order(admin, client, "opt-in"),
    ]
    assert [answer.status_code for answer in answers] == [202] * 6
    published = await commands(kafka, 6)
    assert [(event.what, event.minutes, event.text) for event in published] == [
        ("take_over", 90, None),
        ("take_over", None, None),
        ("say", None, "Soy *Marta*."),
        ("resume", None, None),
        ("opt_out", None, None),
        ("opt_in", None, None),
    ]
    assert [event.event_id for event in published] == [
        answer.json()["command_id"] for answer in answers
    ]
    assert len({event.event_id for event in published}) == 6
    key = f"631261586727899:{CONTACT}"
    assert {event.conversation for event in published} == {key}
    assert {answer.json()["conversation"] for answer in answers} == {key}
    assert {(event.tenant_id, event.by) for event in published} == {(client, "key:bootstrap")}
    audited = await admin.rows(
        "select action, object from audit_log where action like 'conversation.%%' order by id"
    )
    assert audited == [(f"conversation.{event.what}", f"client:{client}") for event in published]


async def test_a_request_that_is_repeated_is_the_same_command(admin: Admin, kafka: Broker) -> None:
    client, headers = (await admin.add())["id"], {"X-Request-Id": "crm-77"}
    for text in ("Hola", "Hola", "Adiós"):
        assert (
            await order(admin, client, "say", json={"text": text}, headers=headers)
        ).status_code == 202
    first, again, other = await commands(kafka, 3)
    assert first.event_id == again.event_id != other.event_id


@pytest.mark.parametrize(
    ("what", "contact", "body", "status", "field"),
    [
        ("say", CONTACT, {}, 422, "text"),
        ("say", CONTACT, {"text": " \n"}, 422, "text"),
        ("say", CONTACT, {"text": "x" * 4097}, 422, "text"),
        ("say", CONTACT, {"text": "Hola", "kind": "answer"}, 422, "kind"),
        ("take-over", CONTACT, {"minutes": -1}, 422, "minutes"),
        ("take-over", CONTACT, {"minutes": 525_601}, 422, "minutes"),
        ("resume", "+34600111222", None, 422, "contact"),
        ("resume", "ann:bob", None, 422, "contact"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_published(
    admin: Admin, what: str, contact: str, body: Any, status: int, field: str
) -> None:
    client = (await admin.add())["id"]
    answer = await order(admin, client, what, contact, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
    assert await admin.rows("select from audit_log where action like 'conversation.%%'") == []


async def test_a_command_for_no_client_or_without_the_scope_is_refused(admin: Admin) -> None:
    assert (await order(admin, 99, "resume")).status_code == 404
    client = (await admin.add())["id"]
    made = await admin.http.post("/v1/keys", json={"name": "crm", "scopes": ["clients:write"]})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    answer = await order(admin, client, "resume", headers=headers)
    assert answer.status_code == 403
    assert "conversations:write" in answer.json()["detail"]


def test_the_command_line_sends_the_same_commands(new_database: NewDatabase, kafka: Broker) -> None:
    url = new_database(("tenant_admin", "admin"))

    def manage(*words: str) -> Any:
        variables = {"DATABASE_URL": url, **kafka.settings.kafka_environment()}
        return command("manage_clients.py", *words, **variables)

    manage(*ADD)
    ran = [
        manage("take-over", "1", CONTACT, "--minutes", "0"),
        manage("say", "1", CONTACT, "Soy Marta."),
        manage("resume", "1", CONTACT),
        manage("opt-out", "1", CONTACT),
        manage("opt-in", "1", CONTACT, "--json"),
    ]
    assert [each.returncode for each in ran] == [0] * 5, [each.stderr for each in ran]
    published = await_events(kafka.settings, CONVERSATIONS_COMMANDS, ConversationCommand, len(ran))
    assert [(event.what, event.minutes, event.text) for event in published] == [
        ("take_over", 0, None),
        ("say", None, "Soy Marta."),
        ("resume", None, None),
        ("opt_out", None, None),
        ("opt_in", None, None),
    ]
    assert all(event.by.startswith("cli:") for event in published)
    assert f"list conversations.events --conversation 631261586727899:{CONTACT}" in ran[0].stdout
    assert json.loads(ran[-1].stdout)["command_id"] == published[-1].event_id
    for words, field in (
        (("say", "1", CONTACT, " "), "text"),
        (("say", "1", "+34600", "Hola"), "contact"),
        (("resume", "99", CONTACT), "id"),
        (("take-over", "1", CONTACT, "--minutes", "-1"), "minutes"),
    ):
        refused = manage(*words)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"error: {field}:" in refused.stderr
