"""Chats with clients as people would, and looks whether each answers for itself."""

import asyncio
import random
from collections.abc import Sequence

from devkit.businesses import DemoClient
from devkit.loadtest.admin_client import AdminClient
from devkit.loadtest.chat import Chat
from devkit.loadtest.installation import Installation

CONTACTS = 2
QUESTIONS = ("Hola, buenas", "¿Qué horario tienen?")


def admin_client(installation: Installation) -> AdminClient:
    return AdminClient(installation.admin_url, installation.admin_key)


async def add_clients(installation: Installation, clients: Sequence[DemoClient]) -> None:
    """Adds them to the running installation, and shows them on the chat page."""
    async with admin_client(installation) as admin:
        for client in clients:
            await admin.add(client)
    await show_clients(installation, clients)


async def ensure_clients(installation: Installation, clients: Sequence[DemoClient]) -> None:
    """Adds those that are not there."""
    async with admin_client(installation) as admin:
        for client in clients:
            await admin.ensure(client)


async def show_clients(installation: Installation, clients: Sequence[DemoClient]) -> None:
    """Puts clients that the installation has on the chat page."""
    async with Chat(installation.chat_url) as chat:
        for client in clients:
            await chat.know(client)


async def converse(installation: Installation, clients: Sequence[DemoClient]) -> int:
    """New contacts ask every client; each answer must be that client's own. Counts answers.

    Raises RuntimeError for a wrong answer, TimeoutError for none.
    """
    async with Chat(installation.chat_url) as chat:
        people = [new_contact() for _ in range(CONTACTS)]
        pairs = [(client, contact) for client in clients for contact in people]
        talks = (ask(chat, client, contact, clients) for client, contact in pairs)
        return sum(await asyncio.gather(*talks))


def new_contact() -> str:
    """The BSUID of a contact whose phone is hidden."""
    return f"ES.{random.randrange(10**19, 10**20)}"


async def ask(chat: Chat, client: DemoClient, contact: str, everybody: Sequence[DemoClient]) -> int:
    number = client.phone_number_id
    for answered, question in enumerate(QUESTIONS):
        await chat.write(number, contact, question)
        answer = await chat.reply(number, contact, after=answered)
        others = [other.name for other in everybody if other is not client]
        if any(name in answer for name in others):
            raise RuntimeError(f"{client.name} answered in another's name: {answer!r}")
        if answered == 0 and client.name not in answer:
            raise RuntimeError(f"{client.name} did not greet by its name: {answer!r}")
    return len(QUESTIONS)
