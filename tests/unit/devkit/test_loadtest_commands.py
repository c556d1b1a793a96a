"""What is pointed at a running installation: settings, and clients that may be there already."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import typer
from aiohttp import web
from aiohttp.test_utils import TestServer

from devkit.businesses import LA_PLAZA
from devkit.loadtest.__main__ import named
from devkit.loadtest.admin_client import AdminClient
from devkit.loadtest.installation import Installation
from devkit.loadtest.json_client import CallRefused

KEY = "an-admin-key-of-tests"


class Office:
    """tenant-admin as far as adding goes: what is there is refused with 409."""

    def __init__(self) -> None:
        self.there: list[tuple[str, str]] = []
        self.broken = False

    async def add(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        if self.broken:
            return web.json_response({"detail": "broken"}, status=422)
        if (found := (request.path, body["assistant_id"])) in self.there:
            return web.json_response({"detail": "taken"}, status=409)
        self.there.append(found)
        return web.json_response({"id": len(self.there)}, status=201)


@pytest.fixture
def office() -> Office:
    return Office()


@pytest_asyncio.fixture
async def admin(office: Office) -> AsyncIterator[AdminClient]:
    app = web.Application()
    app.router.add_post("/v1/{what}", office.add)
    async with TestServer(app) as server, AdminClient(str(server.make_url("")), KEY) as admin:
        yield admin


async def test_clients_that_are_there_already_are_left_as_they_are(
    admin: AdminClient, office: Office
) -> None:
    assert await admin.ensure(LA_PLAZA) is True
    assert await admin.ensure(LA_PLAZA) is False
    assert office.there == [
        ("/v1/assistants", LA_PLAZA.assistant_id),
        ("/v1/clients", LA_PLAZA.assistant_id),
    ]
    with pytest.raises(CallRefused, match="409"):
        await admin.add(LA_PLAZA)


async def test_any_other_refusal_is_told(admin: AdminClient, office: Office) -> None:
    office.broken = True
    with pytest.raises(CallRefused, match="422"):
        await admin.ensure(LA_PLAZA)


def test_a_client_is_named_with_its_phone_and_its_phone_number_id() -> None:
    client = named("Panadería Sol, +34611222333 ,555000111222333")
    assert (client.name, client.phone_number_id) == ("Panadería Sol", "555000111222333")
    with pytest.raises(typer.BadParameter, match="NAME"):
        named("Panadería Sol")


def test_the_installation_of_a_compose_project_is_the_default() -> None:
    installation = Installation(
        kafka_bootstrap_servers="kafka:9092",
        whatsapp_app_secrets="first,second",
        whatsapp_access_token="a-token-of-ours",
        admin_api_key=KEY,
    )
    assert installation.endpoints.webhook_url == "http://ingress:8000/webhook"
    assert installation.endpoints.openai_url == "http://openai:4640"
    assert installation.endpoints.app_secret == "first"
    assert "first" not in repr(installation) + repr(installation.endpoints)
