"""`make smoke`: the whole system once, headless; the verdict on one line of JSON."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from devkit.stack.admin import Admin
from devkit.stack.businesses import DEMO, DemoClient
from devkit.stack.chat import Chat
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.settings import Outside
from devkit.stack.system import Plan, System, running

CONTACTS = ("ES.13491208655302741918", "ES.24817730916653087742")
QUESTIONS = ("Hola, buenas", "¿Qué horario tienen?")


def aside(line: str) -> None:
    """Progress: stdout is for the result alone."""
    print(line, file=sys.stderr, flush=True)


def plan_for(home: Path, **changes: Any) -> Plan:
    """Free ports; Meta and OpenAI are always the emulators, so that nothing costs or is real."""
    outside = Outside()
    outside = outside.model_copy(
        update={"openai_base_url": None, "openai_api_key": None, "whatsapp_graph_url": None}
    )
    ingress, admin, chat = free_ports(3)
    settings: dict[str, Any] = {"level": "warning", "partitions": 6}
    return Plan(home, outside, ingress, admin, chat, **settings | changes)


async def smoke() -> dict[str, Any]:
    """Raises what kept the system from answering."""
    began = monotonic()
    with temporary_home() as home:
        async with running(plan_for(home), aside, sys.stderr) as system:
            await add_clients(system, DEMO)
            replies = await converse(system)
            return {
                "ok": True,
                "broker": system.broker,
                "database": system.database,
                "clients": len(DEMO),
                "messages_in": len(DEMO) * len(CONTACTS) * len(QUESTIONS),
                "replies": replies,
                "seconds": round(monotonic() - began, 1),
            }


async def add_clients(system: System, clients: Sequence[DemoClient]) -> list[int]:
    """Adds them while the system runs, and shows them on the chat page; returns their ids."""
    async with (
        Admin(system.admin_url, system.secrets["ADMIN_API_KEY"]) as admin,
        Chat(system.chat_url) as chat,
    ):
        ids = [await admin.add(client) for client in clients]
        for client in clients:
            await chat.know(client)
        return ids


async def converse(system: System) -> int:
    """Every contact asks every client; each answer must be that client's own."""
    async with Chat(system.chat_url) as chat:
        pairs = [(client, contact) for client in DEMO for contact in CONTACTS]
        said = await asyncio.gather(*(ask(chat, client, contact) for client, contact in pairs))
        return sum(said)


async def ask(chat: Chat, client: DemoClient, contact: str) -> int:
    number = client.phone_number_id
    for asked, question in enumerate(QUESTIONS):
        await chat.write(number, contact, question)
        answer = await chat.reply(number, contact, after=asked)
        others = [other.name for other in DEMO if other is not client]
        if any(name in answer for name in others):
            raise RuntimeError(f"{client.name} answered in another's name: {answer!r}")
        if asked == 0 and client.name not in answer:
            raise RuntimeError(f"{client.name} did not greet by its name: {answer!r}")
    return len(QUESTIONS)


def report(result: dict[str, Any]) -> str:
    return orjson.dumps(result).decode()
