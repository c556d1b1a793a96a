"""A model server of others serves a client: answers, tools and refusals, as our stand-in does."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.aimock import running_aimock
from tests.support.system import OWN_KEY, AddedClient, RunningSystem, a_contact

from assistant.texts import notice

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
FIXTURES: list[dict[str, Any]] = [
    {"match": {"userMessage": "carta"}, "response": {"content": "Hoy hay pescado del día."}},
    {
        "match": {"userMessage": "reembolso"},
        "response": {"toolCalls": [{"name": "hand_over", "arguments": '{"reason": "refund"}'}]},
    },
]


async def add_client_of(system: RunningSystem, url: str) -> AddedClient:
    """A client with a model server and a key of its own."""
    client = await system.add_client(openai_base_url=f"{url}/v1", disclosure_text="")
    path = f"/v1/clients/{client.id}/secrets/openai_api_key"
    await system.admin.call("PUT", path, {"value": OWN_KEY})
    return client


async def test_aimock_answers_hands_over_and_refuses(system: RunningSystem, tmp_path: Path) -> None:
    async with running_aimock(tmp_path, FIXTURES) as url:
        client, contact, other = await add_client_of(system, url), a_contact(), a_contact()
        ask = system.write_and_wait
        answered = await ask(client.number, contact, "¿Qué hay en la carta?")
        assert answered.outcome == "answered"
        assert await system.chat.reply(client.number, contact) == "Hoy hay pescado del día."
        await ask(client.number, contact, "Quiero un reembolso")
        assert await system.chat.reply(client.number, contact, after=1) == notice("handover", "es")
        refused = await ask(client.number, other, "¿Llueve?")
        assert (refused.outcome, str(refused.reason)[:4]) == ("failed", "http")
