"""The model offers options, and the contact taps one."""

import json
from typing import Any

import pytest
from tests.support.system import RunningSystem, a_contact

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
OFFER = {
    "text": "¿Para cuándo?",
    "options": [{"title": title, "description": None} for title in ("Hoy", "Pasado mañana")],
}


async def test_options_of_the_model_are_buttons_and_the_tapped_one_is_its_answer(
    system: RunningSystem,
) -> None:
    client, contact = await system.add_client(disclosure_text=""), a_contact()
    call = {"name": "offer_choices", "arguments": json.dumps(OFFER)}
    match = {"instructions": client.name, "text": "reservar"}
    await system.control_model("rules", match=match, tool_call=call)
    outcome = await system.write_and_wait(client.number, contact, "Quiero reservar")
    assert outcome.outcome == "answered"
    url = f"{system.stack.chat_url}/control/messages"
    shown = await system.get_json(url, phone_number_id=client.number, contact=contact)
    [message] = [each for each in shown if each["direction"] == "outbound"]
    assert (message["kind"], message["content"]["type"]) == ("interactive", "button")
    assert message["content"]["body"]["text"] == OFFER["text"]
    buttons: list[dict[str, Any]] = message["content"]["action"]["buttons"]
    replies = [button["reply"] for button in buttons]
    assert [reply["title"] for reply in replies] == ["Hoy", "Pasado mañana"]
    tap = replies[1] | {"kind": "button", "quoted": message["wamid"]}
    tapped = await system.write(client.number, contact, "", **tap)
    assert (await system.events.wait_for_outcome(tapped)).outcome == "answered"
    last = (await system.prompts(client.name))[-1]["body"]["input"][-1]
    assert "Pasado mañana" in json.dumps(last, ensure_ascii=False)
