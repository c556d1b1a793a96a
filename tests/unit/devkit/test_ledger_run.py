"""A whole load run against the WhatsApp emulator and small bots, good and bad."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.support.loopback import serve

from devkit.emulators import openai, whatsapp
from devkit.loadtest import Endpoints, LoadPlan, LoadReport, LoadTenant, run_load

TENANTS = (LoadTenant("1", "100", "token-1"), LoadTenant("2", "200", "token-2"))


class Bot:
    """Answers each message once with its own text, one after the other of a contact; subclasses
    get something wrong."""

    def __init__(self, graph_url: str) -> None:
        self.graph = httpx.AsyncClient(base_url=f"{graph_url}/v26.0")
        self.seen: set[str] = set()
        self.contacts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.app = Starlette(routes=[Route("/webhook", self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        value = (await request.json())["entry"][0]["changes"][0]["value"]
        for message in value.get("messages", ()):
            # A second copy is not acknowledged before the first one is answered.
            async with self.contacts[message.get("from") or message["from_user_id"]]:
                if message["id"] not in self.seen:
                    self.seen.add(message["id"])
                    await self.answer(value["metadata"]["phone_number_id"], message)
        return Response()

    async def answer(self, number: str, message: dict[str, Any]) -> None:
        to = {"to": f"+{message['from']}"} if "from" in message else {}
        await self.send(number, to or {"recipient": message["from_user_id"]}, message)

    async def send(self, number: str, to: dict[str, str], message: dict[str, Any]) -> None:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **to,
            "type": "text",
            "text": {"body": message["text"]["body"]},
        }
        token = {"100": "token-1", "200": "token-2"}[number]
        headers = {"Authorization": f"Bearer {token}"}
        response = await self.graph.post(f"/{number}/messages", json=body, headers=headers)
        response.raise_for_status()


class Forgetful(Bot):
    async def answer(self, number: str, message: dict[str, Any]) -> None:
        if not message["id"].endswith(".1"):
            await super().answer(number, message)


class Stutterer(Bot):
    async def answer(self, number: str, message: dict[str, Any]) -> None:
        await super().answer(number, message)
        if message["id"].endswith(".0"):
            await super().answer(number, message)


class Mixed(Bot):
    """Sends what tenant 1 was asked from tenant 2's number."""

    async def answer(self, number: str, message: dict[str, Any]) -> None:
        await super().answer("200", message)


@pytest.fixture(scope="module")
def whatsapp_url() -> Iterator[str]:
    config = whatsapp.WhatsAppConfig("app-secret", "verify", "default-token")
    with serve(whatsapp.create_app(config)) as url:
        yield url


async def run(bot: type[Bot], whatsapp_url: str, number: int, **changes: Any) -> LoadReport:
    defaults: dict[str, Any] = {"contacts": 2, "messages": 3, "rate": 200.0, "quiet_seconds": 1.0}
    plan = LoadPlan(TENANTS, run=number, **(defaults | changes))
    with serve(bot(whatsapp_url).app) as bot_url:
        endpoints = Endpoints(f"{bot_url}/webhook", "app-secret", whatsapp_url)
        return await run_load(plan, endpoints)


async def test_a_bot_that_answers_once_is_ok_even_when_webhooks_come_twice(
    whatsapp_url: str,
) -> None:
    report = await run(Bot, whatsapp_url, 1, duplicates=2)
    assert report.ok, report.result.reasons
    line = json.loads(report.as_json_line())
    assert (line["accepted"], line["posts"], line["lost"]) == (12, 24, 0)
    assert line["latency_ms"]["p99"] >= line["latency_ms"]["p50"]


@pytest.mark.parametrize(
    ("bot", "number", "reason"),
    [
        (Forgetful, 2, "lost: 4"),
        (Stutterer, 3, "answered_twice: 4"),
        (Mixed, 4, "cross_tenant: 6"),
    ],
)
async def test_a_bot_that_gets_it_wrong_is_found_out(
    whatsapp_url: str, bot: type[Bot], number: int, reason: str
) -> None:
    report = await run(bot, whatsapp_url, number)
    assert reason in report.result.reasons


async def test_announced_faults_are_counted_for_this_run_only(whatsapp_url: str) -> None:
    with serve(openai.create_app(openai.EmulatorConfig())) as openai_url:
        httpx2.post(f"{openai_url}/control/faults", json={"kind": "status"}).raise_for_status()
        with serve(Bot(whatsapp_url).app) as bot_url:
            endpoints = Endpoints(f"{bot_url}/webhook", "app-secret", whatsapp_url, openai_url)
            plan = LoadPlan(
                TENANTS, 5, contacts=1, messages=1, quiet_seconds=0.1, faults=("openai",)
            )
            report = await run_load(plan, endpoints)
    assert report.result.reasons == ("not a test: the announced fault openai was never injected",)


async def test_the_emulator_is_as_strict_afterwards_as_before(whatsapp_url: str) -> None:
    async with httpx.AsyncClient(base_url=whatsapp_url) as control:
        before = (await control.get("/control/state")).json()["settings"]
        await run(Bot, whatsapp_url, 6, contacts=1, messages=1)
        assert (await control.get("/control/state")).json()["settings"] == before
