"""Files that contacts send, from the webhook to the answer about what is in them."""

from typing import Any

import pytest
from tests.support.system import AddedClient, RunningSystem, a_contact

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
OWN_TOKEN = "EAAG-token-of-a-client-with-photos"
# What the stand-in model hears, sees and reads is written into the files.
VOICE = b"OggS\x00 DEVKIT-TEXT=\xc2\xbfCu\xc3\xa1nto cuesta el ba\xc3\xb1o termal?\x00 sound"
PHOTO = b"\xff\xd8\xff\xe0 DEVKIT-TEXT=un reloj con la correa rota\x00\xff\xd9"
PDF = b"%PDF-1.4\n%DEVKIT-TEXT=Presupuesto 4711: 90 EUR\n%%EOF\n"
KINDS = {
    "audio": (VOICE, "audio/ogg"),
    "image": (PHOTO, "image/jpeg"),
    "document": (PDF, "application/pdf"),
}


async def send(
    system: RunningSystem, client: AddedClient, contact: str, kind: str, text: str = ""
) -> str:
    """The wamid of a message with a file of this kind."""
    content, mime_type = KINDS[kind]
    url, name = f"{system.stack.chat_url}/control/media", {"filename": "presupuesto.pdf"}
    headers = {"Content-Type": mime_type}
    async with system.http.post(url, params=name, data=content, headers=headers) as response:
        assert response.status == 201
        media_id = (await response.json())["id"]
    return await system.write(client.number, contact, text, kind=kind, id=media_id)


async def answer(system: RunningSystem, client: AddedClient, kind: str, text: str = "") -> str:
    contact = a_contact()
    wamid = await send(system, client, contact, kind, text)
    assert (await system.events.wait_for_outcome(wamid)).outcome == "answered"
    return str(await system.chat.reply(client.number, contact))


async def last_request(system: RunningSystem, client: AddedClient) -> Any:
    return (await system.prompts(client.name))[-1]["body"]["input"][-1]["content"]


async def test_a_voice_note_is_heard(system: RunningSystem) -> None:
    client = await system.add_client()
    assert await answer(system, client, "audio")
    assert await last_request(system, client) == "[voice note] ¿Cuánto cuesta el baño termal?"


async def test_a_photo_is_seen_with_its_words(system: RunningSystem) -> None:
    client = await system.add_client()
    said = await answer(system, client, "image", "¿Lo arreglan?")
    assert "un reloj con la correa rota" in said
    text, image = await last_request(system, client)
    assert text["text"] == "[photo] ¿Lo arreglan?"
    assert (image["type"], image["detail"]) == ("input_image", "low")


async def test_a_pdf_is_read(system: RunningSystem) -> None:
    client = await system.add_client()
    said = await answer(system, client, "document", "¿Es correcto?")
    assert "Presupuesto 4711: 90 EUR" in said
    assert "presupuesto.pdf" in said


async def test_a_clients_own_token_opens_its_files(system: RunningSystem) -> None:
    client = await system.add_client(token=OWN_TOKEN)
    await system.give_secrets(client, OWN_TOKEN)
    assert "un reloj con la correa rota" in await answer(system, client, "image")


@pytest.mark.parametrize("phase", ["look_up", "download"])
async def test_a_file_that_is_gone_is_said_and_answered(system: RunningSystem, phase: str) -> None:
    client = await system.add_client()
    match = {"phone_number_id": client.number}
    rule = {"phase": phase, "action": {"status": 404}, "match": match, "times": 2}
    await system.chat.post("/control/faults", rule)
    assert await answer(system, client, "image", "¿Qué precio tiene?")
    asked = await last_request(system, client)
    assert asked == "[photo] [could not be opened] ¿Qué precio tiene?"
