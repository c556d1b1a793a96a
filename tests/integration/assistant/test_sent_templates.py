"""A contact who got a template has not read the text that was to be sent."""

from typing import Any

import pytest
from tests.support.assistant import RunningAssistant, incoming, ordered
from tests.support.builders import a_delivery

from assistant.prompt import BY_A_PERSON
from assistant.reply_wamids import store_reply_wamids

pytestmark = pytest.mark.integration
INSTEAD = "[WhatsApp template sent instead: we_answered]"
PHONE = "34600111222"


@pytest.mark.parametrize(
    ("sent", "is_replaced"),
    [
        ({}, True),
        ({"template_takes_text": True}, False),
        ({"part": 2, "parts": 2}, False),
        ({"template": None, "template_takes_text": None}, False),
        ({"state": "rejected"}, False),
        ({"tenant_id": 2}, False),
    ],
)
async def test_the_history_names_the_template_that_was_sent_instead(
    assistant: RunningAssistant, sent: dict[str, Any], is_replaced: bool
) -> None:
    await assistant.receive(incoming("hola", wa_id=PHONE))
    await assistant.wait_until_settled()
    await assistant.order(ordered("say", text="Soy Marta."), ordered("resume"))
    event: dict[str, Any] = {"contact_id": PHONE, "template": "we_answered"}
    event |= {"template_takes_text": False} | sent
    changes = [
        a_delivery(**{"reply_id": reply.reply_id, "wamid": f"wamid.{reply.reply_id}"} | event)
        for reply in await assistant.replies()
    ]
    await assistant.database.transaction(lambda c: store_reply_wamids(c, changes))
    await assistant.receive(incoming("¿y bien?"))
    await assistant.wait_until_settled()
    answer, said = (INSTEAD, INSTEAD) if is_replaced else ("echo hola", "Soy Marta.")
    asked = assistant.model.bodies[-1]["input"]
    read = [each["content"] for each in asked if each["role"] != "developer"]
    assert read == ["hola", answer, f"{BY_A_PERSON} {said}", "¿y bien?"]
