"""A whole running system: tests add clients, write as contacts and look at what follows."""

import asyncio
import itertools
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import aiohttp
import pytest
from pydantic import SecretStr
from tests.support.certificates import broker_tls
from tests.support.event_log import EventLog
from tests.support.pgbouncer import behind_pgbouncer
from tests.support.summary import remember
from tests.support.waiting import eventually_async

from common.events import OutcomeRecorded
from devkit.businesses import DemoClient
from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.loadtest.admin_client import AdminClient
from devkit.loadtest.chat import Chat
from devkit.stack.broker_security import BrokerTls
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import Plan, System, running

DEFAULT_KEY, OWN_KEY = "sk-default-of-tests", "sk-own-of-one-client"
LIMITED_KEY = "sk-with-a-limit"
ROOT = Path(__file__).parents[2]
RUN = random.randrange(10**5)  # an external broker or database keeps what earlier runs left
numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class AddedClient:
    """A client that was added; `number` is its phone_number_id."""

    id: int
    client: DemoClient

    @property
    def number(self) -> str:
        return self.client.phone_number_id

    @property
    def name(self) -> str:
        return self.client.name


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """`stack` runs it; `admin` and `chat` are an operator's and a contact's way in; `events` is
    what its topics hold."""

    stack: System
    admin: AdminClient
    chat: Chat
    events: EventLog
    http: aiohttp.ClientSession

    async def add_client(self, token: str | None = None, **settings: Any) -> AddedClient:
        """A fresh client that answers each message at once, unless its settings say otherwise."""
        client = a_demo_client(**settings)
        await self.register_number(client, token)
        return AddedClient(await self.admin.add(client), client)

    async def register_number(self, client: DemoClient, token: str | None = None) -> None:
        """Meta has the number; `token` is then the only one that may send from it."""
        business = {
            "name": client.name,
            "phone_number": client.phone_number,
            "phone_number_id": client.phone_number_id,
            "token": token,
        }
        await self.chat.post("/control/businesses", business)

    async def give_secrets(self, client: AddedClient, token: str, key: str | None = None) -> None:
        """The client's own WhatsApp token and OpenAI key; returns once both are in use.

        Sender and assistant learn of them from a topic that a message may overtake. So contacts
        write until one was marked as read with the token, and one was answered with the key.
        """
        for field, value in (("access_token", token), ("openai_api_key", key)):
            if value:
                path = f"/v1/clients/{client.id}/secrets/{field}"
                await self.admin.call("PUT", path, {"value": value})

        async def are_in_use() -> bool:
            await self.write(client.number, a_contact())
            tokens = tokens_of(await self.graph_log("marks", client.number))
            return token in tokens and (not key or key in keys_of(await self.prompts(client.name)))

        await eventually_async(
            are_in_use, f"{client.name} to be served with its secrets", pause=0.5
        )

    async def write(self, number: str, contact: str, text: str = "Hola", **more: Any) -> str:
        """A contact writes to a number; returns the wamid."""
        wamid = f"wamid.e2e.{RUN}.{next(numbers)}"
        return await self.chat.write(number, contact, text, **{"wamid": wamid} | more)

    async def write_and_wait(
        self, number: str, contact: str, text: str = "Hola"
    ) -> OutcomeRecorded:
        return await self.events.wait_for_outcome(await self.write(number, contact, text))

    async def accepted_sends(self, number: str) -> list[dict[str, Any]]:
        """What the Graph API took from this number, with the token it was sent with."""
        return await self.graph_log("accepted", number)

    async def graph_log(self, log: str, number: str) -> list[dict[str, Any]]:
        """What the Graph API was asked for this number: accepted, marks or refused."""
        entries = await self.get_json(f"{self.stack.chat_url}/control/asked/{log}")
        return [entry for entry in entries if entry["phone_number_id"] == number]

    async def report_read(self, client: AddedClient, contact: str) -> None:
        """Meta tells that the contact (a BSUID) has read the one message that it took for it."""
        [send] = await self.accepted_sends(client.number)
        person = Contact("", "", contact, phone_visible=False)
        tag = send["body"]["biz_opaque_callback_data"]
        update = payloads.status(person, send["wamid"], "read", time.time(), tag, by_phone=False)
        business = Business(client.name, client.client.phone_number, client.number)
        await self.post_webhook(payloads.encode(payloads.statuses(business, [person], update)))

    async def add_graph_fault(self, client: AddedClient, phase: str, **action: Any) -> None:
        """What the next send for this client meets, once."""
        match = {"phone_number_id": client.number}
        rule = {"phase": phase, "action": action, "match": match, "times": 1}
        await self.chat.post("/control/faults", rule)

    async def post_webhook(self, body: bytes) -> None:
        """Signed as Meta does; it must be taken."""
        secret = self.stack.secrets["WHATSAPP_APP_SECRETS"].split(",")[0]
        headers = {"X-Hub-Signature-256": payloads.sign(secret, body)}
        url = self.stack.webhook_url
        async with self.http.post(url, data=body, headers=headers) as response:
            assert response.status == 200

    async def control_model(self, control: str, **body: Any) -> Any:
        """POST to the OpenAI emulator's control API."""
        url = f"{self.model_control_url}/{control}"
        async with self.http.post(url, json=body, raise_for_status=True) as response:
            return await response.json()

    async def prompts(self, contains: str, limit: int = 100) -> list[dict[str, Any]]:
        """Calls of the model whose body holds this text."""
        query = {"contains": contains, "limit": str(limit)}
        return list((await self.get_json(f"{self.model_control_url}/journal", **query))["requests"])

    async def limit_key(self, key: str, requests_per_minute: float) -> None:
        """The stand-in for OpenAI refuses what is more than that."""
        limit = {"key": key, "requests_per_minute": requests_per_minute}
        url = f"{self.model_control_url}/limits"
        async with self.http.post(url, json=limit, raise_for_status=True):
            pass

    async def model_calls(self) -> dict[str, int]:
        """How often the model was called, and how many calls it is answering."""
        return dict((await self.get_json(f"{self.model_control_url}/journal", limit="1"))["calls"])

    @property
    def model_control_url(self) -> str:
        return f"{self.stack.openai_url.removesuffix('/v1')}/control"

    async def get_json(self, url: str, **query: str) -> Any:
        async with self.http.get(url, params=query, raise_for_status=True) as response:
            return await response.json()

    async def get_text(self, url: str) -> str:
        async with self.http.get(url, raise_for_status=True) as response:
            return await response.text()

    async def run_script(self, *argv: str) -> str:
        """An operator's command; its output. Fails when the command does."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *argv),
            cwd=ROOT,
            env=self.stack.environment("tenant-admin"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    async def wait_ready(self, service: str) -> None:
        await self.stack.wait_ready(service)

    async def wait_restarted(self, service: str, restarts: int) -> None:
        """Until it has restarted more often than that, and is ready again."""
        await eventually_async(
            lambda: self.stack.children.restarts(service) > restarts, f"{service} to restart"
        )
        await self.wait_ready(service)


def tokens_of(posts: list[dict[str, Any]]) -> set[str]:
    """The WhatsApp tokens of these calls of the Graph API."""
    return {post["token"] for post in posts}


def keys_of(prompts: list[dict[str, Any]]) -> set[str]:
    """The OpenAI keys of these calls of the model."""
    headers = {prompt["headers"]["authorization"] for prompt in prompts}
    return {header.removeprefix("Bearer ") for header in headers}


def a_demo_client(**settings: Any) -> DemoClient:
    number = f"{RUN:05d}{next(numbers):05d}"
    return DemoClient(
        name=f"Negocio {number}",
        phone_number=f"+34{number}",
        phone_number_id=f"55{number}",
        assistant_id=f"asst_{number}",
        instructions=f"Eres el asistente de Negocio {number}. Responde en español.",
        settings={"quiet_window_ms": 0} | settings,
    )


def a_contact() -> str:
    """The BSUID of somebody new, whose phone nobody sees."""
    return f"ES.{RUN:05d}{next(numbers):09d}"


def a_phone() -> str:
    """Somebody new who is known by phone."""
    return f"346{RUN % 1000:03d}{next(numbers):05d}"


@asynccontextmanager
async def running_system(
    config: pytest.Config, out: TextIO = sys.stdout, **changes: Any
) -> AsyncIterator[RunningSystem]:
    """A system of its own; `changes` to its Plan. `out` gets what its processes print."""
    async with AsyncExitStack() as exits:
        plan = plan_of(Path(exits.enter_context(temporary_home())))
        if os.environ.get("CONSERJE_TESTS_POOLER"):
            plan = exits.enter_context(behind_pgbouncer(plan))
        plan = replace(plan, **changes)
        stack = await exits.enter_async_context(running(plan, out=out))
        remember(config, "broker", stack.broker)
        remember(config, "database", stack.database)
        events = EventLog(stack.kafka_admin)
        exits.callback(events.close)
        admin = AdminClient(stack.admin_url, stack.secrets["ADMIN_API_KEY"])
        yield RunningSystem(
            stack,
            await exits.enter_async_context(admin),
            await exits.enter_async_context(Chat(stack.chat_url)),
            events,
            await exits.enter_async_context(aiohttp.ClientSession()),
        )


def plan_of(home: Path) -> Plan:
    plan = plan_for(home)
    outside = plan.outside.model_copy(update={"openai_api_key": SecretStr(DEFAULT_KEY)})
    accepted = {"openai": {"OPENAI_API_KEY": f"{DEFAULT_KEY},{OWN_KEY},{LIMITED_KEY}"}}
    tls = kafka_tls(home) if os.environ.get("CONSERJE_TESTS_KAFKA") == "tls" else None
    return replace(plan, outside=outside, extra=accepted, kafka_tls=tls)


def kafka_tls(home: Path) -> BrokerTls:
    """The broker has users and rights anyway; CONSERJE_TESTS_KAFKA=tls encrypts too."""
    folder = home / "tls"
    folder.mkdir()
    return broker_tls(folder)
