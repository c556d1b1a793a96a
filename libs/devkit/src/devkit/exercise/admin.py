"""A small client of tenant-admin's HTTP API, as an operator's program would have it."""

from typing import Any, Self

import aiohttp

from devkit.exercise.businesses import DemoClient


class Refused(RuntimeError):
    """tenant-admin said no; the message is its problem document's."""


class Admin:
    """Use it as `async with Admin(url, api_key) as admin:`."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {api_key}"}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(self._url, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def add(self, client: DemoClient) -> int:
        """The client with its assistant, published; returns the client's id."""
        await self.call(
            "POST",
            "/v1/assistants",
            {
                "assistant_id": client.assistant_id,
                "name": client.name,
                "instructions": client.instructions,
            },
        )
        added = await self.call(
            "POST",
            "/v1/clients",
            {
                "name": client.name,
                "phone_number": client.phone_number,
                "phone_number_id": client.phone_number_id,
                "assistant_id": client.assistant_id,
                "settings": client.settings,
            },
        )
        return int(added["id"])

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises Refused."""
        async with self._http.request(method, path, json=body) as response:
            answer = await response.json(content_type=None)
            if response.status >= 400:
                raise Refused(f"{method} {path}: {response.status} {answer}")
            return answer
