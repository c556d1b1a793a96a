"""A whole running system for tests, and what they do with it: add clients, write, look."""

import asyncio
import itertools
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

import aiohttp
import pytest
from pydantic import SecretStr
from tests.support.summary import remember
from tests.support.tape import Tape

from common.events import OutcomeRecorded
from devkit.businesses import DemoClient
from devkit.loadtest.admin_client import AdminClient
from devkit.loadtest.chat import Chat
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import Plan, System, running

T = TypeVar("T")
DEFAULT_KEY, OWN_KEY = "sk-default-of-tests", "sk-own-of-one-client"
ROOT = Path(__file__).parents[2]
RUN = random.randrange(10**5)  # an external broker or database keeps what earlier runs left
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Known:
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
class World:
    system: System
    admin: AdminClient
    chat: Chat
    tape: Tape
    http: aiohttp.ClientSession

    async def client(self, token: str | None = None, **settings: Any) -> Known:
        """A fresh client that answers each message at once, unless its settings say otherwise."""
        client = a_client(**settings)
        await self.know(client, token)
        return Known(await self.admin.add(client), client)

    async def know(self, client: DemoClient, token: str | None = None) -> None:
        """Meta has the number; `token` is then the only one that may send from it."""
        business = {
            "name": client.name,
            "phone_number": client.phone_number,
            "phone_number_id": client.phone_number_id,
            "token": token,
        }
        await self.chat.post("/control/businesses", business)

    async def write(self, number: str, contact: str, text: str = "Hola", **more: Any) -> str:
        """A contact writes to a number; returns the wamid."""
        wamid = f"wamid.e2e.{RUN}.{next(_numbers)}"
        return await self.chat.write(number, contact, text, **{"wamid": wamid} | more)

    async def say(self, number: str, contact: str, text: str = "Hola") -> OutcomeRecorded:
        """Writes and waits for the message's end."""
        return await self.tape.outcome(await self.write(number, contact, text))

    async def accepted(self, number: str) -> list[dict[str, Any]]:
        """What the Graph API took from this number, with the token it was sent with."""
        log = await self.get(f"{self.system.chat_url}/control/asked/accepted")
        return [entry for entry in log if entry["phone_number_id"] == number]

    async def model(self, control: str, **body: Any) -> Any:
        """POST to the OpenAI emulator's control API."""
        url = f"{self.model_control}/{control}"
        async with self.http.post(url, json=body, raise_for_status=True) as response:
            return await response.json()

    async def prompts(self, contains: str, limit: int = 100) -> list[dict[str, Any]]:
        """Calls of the model whose body holds this text."""
        query = {"contains": contains, "limit": str(limit)}
        return list((await self.get(f"{self.model_control}/journal", **query))["requests"])

    async def calls(self) -> dict[str, int]:
        """How often the model was called, and how many calls are in hand."""
        return dict((await self.get(f"{self.model_control}/journal", limit="1"))["calls"])

    @property
    def model_control(self) -> str:
        return f"{self.system.openai_url.removesuffix('/v1')}/control"

    async def get(self, url: str, **query: str) -> Any:
        async with self.http.get(url, params=query, raise_for_status=True) as response:
            return await response.json()

    async def text(self, url: str) -> str:
        async with self.http.get(url, raise_for_status=True) as response:
            return await response.text()

    async def run(self, *argv: str) -> str:
        """An operator's command; its output. Fails when the command does."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *argv),
            cwd=ROOT,
            env=self.system.environment("tenant-admin"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def ready(self, service: str) -> None:
        await self.system.wait_ready(service)


async def eventually(ask: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """The first true answer. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (found := await ask()):
            await asyncio.sleep(0.01)
    return found


def a_client(**settings: Any) -> DemoClient:
    number = f"{RUN:05d}{next(_numbers):05d}"
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
    return f"ES.{RUN:05d}{next(_numbers):09d}"


def a_phone() -> str:
    """Somebody new who is known by phone."""
    return f"346{RUN % 1000:03d}{next(_numbers):05d}"


@asynccontextmanager
async def world(
    config: pytest.Config, out: TextIO = sys.stdout, **changes: Any
) -> AsyncIterator[World]:
    """A system of its own; `changes` to its Plan. What its processes say goes to `out`."""
    async with AsyncExitStack() as stack:
        plan = replace(plan_of(Path(stack.enter_context(temporary_home()))), **changes)
        system = await stack.enter_async_context(running(plan, out=out))
        remember(config, "broker", system.broker)
        remember(config, "database", system.database)
        tape = Tape(system.bootstrap)
        stack.callback(tape.close)
        yield World(
            system,
            await stack.enter_async_context(
                AdminClient(system.admin_url, system.secrets["ADMIN_API_KEY"])
            ),
            await stack.enter_async_context(Chat(system.chat_url)),
            tape,
            await stack.enter_async_context(aiohttp.ClientSession()),
        )


def plan_of(home: Path) -> Plan:
    plan = plan_for(home)
    outside = plan.outside.model_copy(update={"openai_api_key": SecretStr(DEFAULT_KEY)})
    accepted = {"openai": {"OPENAI_API_KEY": f"{DEFAULT_KEY},{OWN_KEY}"}}
    return replace(plan, outside=outside, extra=accepted)
