"""A person takes part in a conversation: asked for by the contact, from the phone, by the API."""

import asyncio
import time
from typing import Any

import aiohttp
import psycopg2
import pytest
from tests.support.system import AddedClient, RunningSystem, a_contact
from tests.support.waiting import eventually_async

from assistant.prompt import BY_A_PERSON
from assistant.sent_templates import SENT_INSTEAD
from assistant.texts import notice
from common.description import described
from common.events import ConversationChanged, DeliveryChanged
from common.topics import CONVERSATIONS_EVENTS, DELIVERIES_EVENTS
from common.work import WorkState
from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import Business

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
PHOTO = b"\xff\xd8\xff\xe0 a table at the window \xff\xd9"


async def changed(system: RunningSystem, contact: str, *changes: tuple[str, str]) -> None:
    """Waits until the contact's conversation has changed in exactly this way."""

    def so_far() -> list[tuple[str, str]]:
        events = system.events.decoded(CONVERSATIONS_EVENTS, ConversationChanged)
        return [(event.what, event.by) for event in events if event.contact_id == contact]

    await system.events.eventually(lambda: len(so_far()) >= len(changes), f"changes {changes}")
    assert so_far() == [*changes]


async def write_from_the_phone(
    system: RunningSystem, client: AddedClient, contact: str, text: str
) -> None:
    """The owner writes in WhatsApp's own app, and Meta tells us."""
    business = Business(client.name, client.client.phone_number, client.number)
    echo = {
        "from": business.digits,
        "to_user_id": contact,
        "id": f"wamid.echo.{contact}.{time.monotonic_ns()}",
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }
    value = payloads.messaging(business, [], message_echoes=[echo])
    webhook = payloads.webhook(business, value, "smb_message_echoes")
    await system.post_webhook(payloads.encode(webhook))


async def order(system: RunningSystem, client: AddedClient, contact: str, what: str, **body: Any
) -> None:  # fmt: skip
    path = f"/v1/clients/{client.id}/conversations/{contact}/{what}"
    await system.admin.call("POST", path, body)


async def send_file(
    system: RunningSystem, client: AddedClient, contact: str, content: bytes, caption: str
) -> None:
    """As a program of the business does."""
    form = aiohttp.FormData({"caption": caption})
    form.add_field("file", content, filename="mesa.jpg")
    url = f"{system.stack.admin_url}/v1/clients/{client.id}/conversations/{contact}/say-file"
    headers = {"Authorization": f"Bearer {system.stack.secrets['ADMIN_API_KEY']}"}
    async with system.http.post(url, data=form, headers=headers) as response:
        assert response.status == 202, await response.text()


def in_database(system: RunningSystem, contact: str, statement: str) -> int:
    """How many rows of the contact's conversation it has changed."""
    connection = psycopg2.connect(system.stack.database_url("assistant"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(f"set search_path to assistant; {statement}", {"contact": contact})
            return int(cursor.rowcount)
    finally:
        connection.close()


async def wait_until_put_off(system: RunningSystem, contact: str, message: str) -> None:
    """Until the turn with this message waits for the handover's end."""
    waits = f"""select from turn join conversation c on c.id = turn.conversation_id
      where c.contact_id = %(contact)s and turn.reason = 'taken_over'
        and turn.state = {WorkState.WAITING.value} and turn.due_at > now()
        and turn.last_message_id >= (select id from message where wamid = '{message}')"""

    async def is_put_off() -> bool:
        return await asyncio.to_thread(in_database, system, contact, waits) == 1

    await eventually_async(is_put_off, "the turn to wait")


async def test_the_word_hands_over_and_start_answers_what_was_missed(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    asked = await system.write_and_wait(client.number, contact, "persona")
    assert (asked.outcome, asked.reason) == ("handed_over", "contact")
    await changed(system, contact, ("handed_over", "contact"))
    missed = await system.write(client.number, contact, "¿Hay pan de centeno?")
    await wait_until_put_off(system, contact, missed)
    outcome = await system.write_and_wait(client.number, contact, "ALTA")
    assert outcome.outcome == "answered"
    assert (await system.events.wait_for_outcome(missed)).reply_id == outcome.reply_id
    first, second = await system.chat.replies(client.number, contact)
    assert first == notice("handover", "es")
    assert second.startswith(notice("opt_in", "es"))
    [prompt] = await system.prompts(client.name)
    assert "¿Hay pan de centeno?" in str(prompt["body"])
    await changed(system, contact, ("handed_over", "contact"), ("resumed", "contact"))


async def test_the_owner_who_answers_from_the_phone_is_not_talked_over(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.write_and_wait(client.number, contact)
    await write_from_the_phone(system, client, contact, "Soy Marta, ahora le digo.")
    await changed(system, contact, ("handed_over", "echo"))
    asked = await system.write(client.number, contact, "eco: gracias Marta, ¿y el precio?")
    await wait_until_put_off(system, contact, asked)
    second = int(time.time())  # WhatsApp's timestamps are whole seconds
    await eventually_async(lambda: int(time.time()) > second, "the next second")
    await write_from_the_phone(system, client, contact, "Doce euros.")
    outcome = await system.events.wait_for_outcome(asked)
    assert (outcome.outcome, outcome.reason) == ("handed_over", "echo")
    await order(system, client, contact, "resume")
    echo = ("handed_over", "echo")
    await changed(system, contact, echo, echo, ("resumed", "operator"))
    await system.write_and_wait(client.number, contact, "Perfecto, hasta luego")
    assert len(await system.accepted_sends(client.number)) == 2
    prompt = str((await system.prompts("Perfecto, hasta luego"))[0]["body"])
    assert f"{BY_A_PERSON} Soy Marta, ahora le digo." in prompt
    assert f"{BY_A_PERSON} Doce euros." in prompt


async def test_an_operator_takes_over_writes_and_gives_the_conversation_back(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.write_and_wait(client.number, contact)
    await order(system, client, contact, "take-over", minutes=120)
    await changed(system, contact, ("handed_over", "operator"))
    asked = await system.write(client.number, contact, "¿Me llaman?")
    await wait_until_put_off(system, contact, asked)
    await order(system, client, contact, "say", text="Soy **Marta**. ¿Le llamo hoy?")
    outcome = await system.events.wait_for_outcome(asked)
    assert (outcome.outcome, outcome.reason) == ("handed_over", "operator")
    assert await system.chat.reply(client.number, contact, 1) == "Soy **Marta**. ¿Le llamo hoy?"
    missed = await system.write(client.number, contact, "Sí, por la tarde")
    await wait_until_put_off(system, contact, missed)
    manage = ("scripts/manage_clients.py", "resume", str(client.id), contact)
    assert "accepted" in await system.run_script(*manage)
    assert (await system.events.wait_for_outcome(missed)).outcome == "answered"
    assert len(await system.accepted_sends(client.number)) == 3


async def test_what_is_said_to_who_has_not_written_for_a_day_leaves_as_a_template_once(
    system: RunningSystem,
) -> None:
    name, text = "le_escribimos", "Tenemos algo que contarle. ¿Nos escribe?"
    client, contact = await system.add_client(disclosure_text="", window_template=name), a_contact()
    template = {"name": name, "language": "es", "body": text}
    await system.chat.post("/control/templates", template)
    await system.write_and_wait(client.number, contact)
    own = "conversation_id = (select id from conversation where contact_id = %(contact)s)"
    long_ago = f"update message set sent_at = sent_at - interval '2 days' where {own}"
    assert await asyncio.to_thread(in_database, system, contact, long_ago)
    for words in ("Ya está su pedido.", "¿Se lo llevo?"):
        await order(system, client, contact, "say", text=words)

    def ends() -> list[tuple[str | None, str | None]]:
        events = system.events.decoded(DELIVERIES_EVENTS, DeliveryChanged)
        mine = [event for event in events if event.contact_id == contact]
        return [(e.reason, e.template) for e in mine if e.state in {"accepted", "suppressed"}]

    await system.events.eventually(lambda: len(ends()) == 3, "the ends of both")
    assert ends() == [(None, None), (None, name), ("template_sent_today", None)]
    assert text in await system.get_text(f"{system.stack.chat_url}/?contact={contact}")
    remembered = f"select from message where {own} and body = '{described(SENT_INSTEAD, name)}'"

    async def is_remembered() -> bool:
        return await asyncio.to_thread(in_database, system, contact, remembered) == 1

    await eventually_async(is_remembered, "the history to name the template")


async def test_a_persons_photo_is_on_the_contacts_phone_and_in_the_history(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.write_and_wait(client.number, contact, "¿Qué mesa tengo?")
    await send_file(system, client, contact, PHOTO, "Su mesa, junto a la ventana")
    await changed(system, contact, ("handed_over", "operator"))

    async def sent() -> list[dict[str, Any]]:
        return (await system.accepted_sends(client.number))[1:]

    await eventually_async(sent, "the photo to be sent")
    [photo] = await sent()
    media_id = photo["body"]["image"]["id"]
    page = await system.get_text(f"{system.stack.chat_url}/?contact={contact}")
    assert f'<img src="/control/media/{media_id}"' in page
    assert "Su mesa, junto a la ventana" in page
    async with system.http.get(f"{system.stack.chat_url}/control/media/{media_id}") as response:
        assert await response.read() == PHOTO
    await order(system, client, contact, "resume")
    await system.write_and_wait(client.number, contact, "Esa me gusta, gracias, ¿tiene enchufe?")
    prompt = str((await system.prompts("¿tiene enchufe?"))[0]["body"])
    assert f"{BY_A_PERSON} [photo] Su mesa, junto a la ventana" in prompt


async def test_the_assistant_answers_what_was_missed_once_the_time_is_over(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    await system.write_and_wait(client.number, contact)
    await order(system, client, contact, "take-over")
    await changed(system, contact, ("handed_over", "operator"))
    missed = [await system.write(client.number, contact, text) for text in ("¿Hola?", "¿Hay pan?")]
    for wamid in missed:
        await wait_until_put_off(system, contact, wamid)
    assert len(await system.accepted_sends(client.number)) == 1
    over = """update conversation set taken_over_until = now() where contact_id = %(contact)s;
      update turn set due_at = now() where finished_at is null and conversation_id =
        (select id from conversation where contact_id = %(contact)s)"""
    assert await asyncio.to_thread(in_database, system, contact, over) == 1
    ends = [await system.events.wait_for_outcome(wamid) for wamid in missed]
    assert [end.outcome for end in ends] == ["answered"] * 2
    assert len({end.reply_id for end in ends}) == 1, "what was missed is answered in one reply"
    await changed(system, contact, ("handed_over", "operator"), ("resumed", "timeout"))


async def test_what_nobody_answers_stays_unread(system: RunningSystem) -> None:
    client = await system.add_client(disclosure_text="")
    stopped, taken_over = a_contact(), a_contact()
    answered = [await system.write(client.number, contact) for contact in (stopped, taken_over)]
    for wamid in answered:
        await system.events.wait_for_outcome(wamid)
    await system.write_and_wait(client.number, stopped, "STOP")
    await order(system, client, taken_over, "take-over")
    await changed(system, taken_over, ("handed_over", "operator"))
    outcome = await system.write_and_wait(client.number, stopped, "¿Siguen ahí?")
    assert (outcome.outcome, outcome.reason) == ("suppressed", "opted_out")
    waits = await system.write(client.number, taken_over, "¿Me llaman?")
    await wait_until_put_off(system, taken_over, waits)
    answered.append(await system.write(client.number, a_contact()))

    async def marked() -> set[str]:
        return {
            mark["body"]["message_id"] for mark in await system.graph_log("marks", client.number)
        }

    async def all_are_marked() -> bool:
        return await marked() >= {*answered}

    await eventually_async(all_are_marked, "the answered messages to be marked as read")
    assert await marked() == {*answered}
