"""A small client of tenant-admin's HTTP API, as an operator's program would have it."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from devkit.businesses import DemoClient
from devkit.loadtest.json_client import CallRefused, JsonClient


class AdminClient(JsonClient):
    """Use it as `async with AdminClient(url, api_key) as admin:`."""

    def __init__(self, url: str, api_key: str) -> None:
        # Nobody else changes its clients, so it need not read one before it changes it.
        super().__init__(url, {"Authorization": f"Bearer {api_key}", "If-Match": "*"})

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
        except CallRefused as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return False
        return True


def assistant_of(client: DemoClient) -> dict[str, Any]:
    return {name: getattr(client, name) for name in ("assistant_id", "name", "instructions")}


def client_of(client: DemoClient) -> dict[str, Any]:
    fields = asdict(client)
    del fields["instructions"]
    return fields
