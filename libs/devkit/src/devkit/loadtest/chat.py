"""Chats through the WhatsApp emulator as a contact would, and waits for the answers."""

import asyncio
from typing import Any, Self

import aiohttp

from devkit.businesses import DemoClient

POLL = 0.02


class Chat:
    """Use it as `async with Chat(emulator_url) as chat:`."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(self._url)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def know(self, client: DemoClient) -> None:
        """Puts the client's number on the chat page."""
        business = {
            "name": client.name,
            "phone_number": client.phone_number,
            "phone_number_id": client.phone_number_id,
        }
        await self.post("/control/businesses", business)

    async def write(self, phone_number_id: str, contact: str, text: str, **more: Any) -> str:
        """A contact (BSUID or phone) writes; returns the wamid."""
        body = {"phone_number_id": phone_number_id, "contact": contact, "text": text, **more}
        return str((await self.post("/control/inbound", body))["wamid"])

    async def replies(self, phone_number_id: str, contact: str) -> list[str]:
        """What the business has said to this contact so far."""
        query = {"phone_number_id": phone_number_id, "contact": contact}
        async with self._http.get("/control/messages", params=query) as response:
            messages = await response.json()
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
        async with self._http.post(path, json=body) as response:
            answer = await response.json()
            if response.status >= 400:
                raise RuntimeError(f"{path}: {response.status} {answer}")
            return answer
