"""A small client of tenant-admin's HTTP API, as an operator's program would have it."""

from http import HTTPStatus
from typing import Any, Self

import aiohttp

from devkit.businesses import DemoClient


class AdminRefused(RuntimeError):
    """tenant-admin said no; the message is its problem document's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AdminClient:
    """Use it as `async with AdminClient(url, api_key) as admin:`."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {api_key}"}

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(self._url, headers=self._headers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def add(self, client: DemoClient) -> int:
        """The client with its assistant, published; returns the client's id."""
        await self.call("POST", "/v1/assistants", assistant_of(client))
        added = await self.call("POST", "/v1/clients", client_of(client))
        return int(added["id"])

    async def ensure(self, client: DemoClient) -> bool:
        """The same where it is missing; False when the client was there."""
        await self.create("/v1/assistants", assistant_of(client))
        return await self.create("/v1/clients", client_of(client))

    async def create(self, path: str, body: Any) -> bool:
        """False when it was there already."""
        try:
            await self.call("POST", path, body)
        except AdminRefused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises AdminRefused."""
        async with self._http.request(method, path, json=body) as response:
            answer = await response.json(content_type=None)
            if response.status >= 400:
                message = f"{method} {path}: {response.status} {answer}"
                raise AdminRefused(response.status, message)
            return answer


def assistant_of(client: DemoClient) -> dict[str, Any]:
    return {
        "assistant_id": client.assistant_id,
        "name": client.name,
        "instructions": client.instructions,
    }


def client_of(client: DemoClient) -> dict[str, Any]:
    return {
        "name": client.name,
        "phone_number": client.phone_number,
        "phone_number_id": client.phone_number_id,
        "assistant_id": client.assistant_id,
        "settings": client.settings,
    }
