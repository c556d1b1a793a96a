"""Chats through the WhatsApp emulator as a contact would, and waits for the answers."""

import asyncio
from dataclasses import asdict
from typing import Any

from devkit.businesses import DemoClient
from devkit.emulators.whatsapp.identities import business_of
from devkit.loadtest.json_client import JsonClient

POLL = 0.02


class Chat(JsonClient):
    """Use it as `async with Chat(emulator_url) as chat:`."""

    async def know(self, client: DemoClient) -> None:
        """Puts the client's number on the chat page."""
        await self.post("/control/businesses", asdict(business_of(client)))

    async def write(self, phone_number_id: str, contact: str, text: str, **more: Any) -> str:
        """A contact (BSUID or phone) writes; returns the wamid."""
        body = {"phone_number_id": phone_number_id, "contact": contact, "text": text, **more}
        return str((await self.post("/control/inbound", body))["wamid"])

    async def replies(self, phone_number_id: str, contact: str) -> list[str]:
        """What the business has said to this contact so far."""
        query = {"phone_number_id": phone_number_id, "contact": contact}
        messages = await self.call("GET", "/control/messages", **query)
        return [sent["content"]["body"] for sent in messages if sent["direction"] == "outbound"]

    async def reply(
        self, phone_number_id: str, contact: str, after: int = 0, seconds: float = 30
    ) -> str:
        """The business's reply number `after` + 1. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(replies := await self.replies(phone_number_id, contact)) <= after:
                await asyncio.sleep(POLL)
        return replies[after]

    async def post(self, path: str, body: Any) -> Any:
        return await self.call("POST", path, body)
