"""An answer waits at Meta's door while the contact changes their mind."""

import asyncio
from dataclasses import asdict

import psycopg2
import pytest
from tests.support.system import RunningSystem, a_contact
from tests.support.waiting import eventually_async

from assistant.texts import notice
from devkit.emulators.whatsapp.identities import business_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def is_stored(system: RunningSystem, statement: str, conversation: str) -> bool:
    """Whether the sender's database has such a row."""
    connection = psycopg2.connect(system.stack.database_url("sender"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set search_path to sender")
            cursor.execute(statement, {"conversation": conversation})
            return cursor.rowcount == 1
    finally:
        connection.close()


async def test_who_stops_while_an_answer_waits_gets_the_notice_and_not_the_answer(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    business = asdict(business_of(client.client)) | {"waba_id": client.number}
    await system.chat.post("/control/businesses", business)

    async def stored(what: str, statement: str) -> None:
        def is_there() -> bool:
            return is_stored(system, statement, f"{client.number}:{contact}")

        await eventually_async(lambda: asyncio.to_thread(is_there), what)

    await system.add_graph_fault(client, "before_accept", error=131042)
    asked = await system.write(client.number, contact, "¿Tienen pan?")
    held = "select from delivery where conversation = %(conversation)s and kind = '{}'"
    await stored("the answer to wait", held.format("answer") + " and held_by is not null")
    stopped = await system.write(client.number, contact, "STOP")
    await stored("the stop", "select from conversation_state where conversation = %(conversation)s")
    await stored("the notice to wait", held.format("notice"))
    await stored(
        "the number's account",
        "select from number_account where %(conversation)s like phone_number_id || ':%%'",
    )
    news = {"phone_number_id": client.number, "what": "reinstated"}
    await system.chat.post("/control/news", news)
    outcome = await system.events.wait_for_outcome(asked)
    assert (outcome.outcome, outcome.reason) == ("suppressed", "opted_out")
    assert (await system.events.wait_for_outcome(stopped)).outcome == "answered"
    assert await system.chat.replies(client.number, contact) == [notice("opt_out", "es")]
