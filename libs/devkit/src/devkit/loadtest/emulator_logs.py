"""Reads what a run left behind in the emulators."""

import re
from collections.abc import Mapping
from typing import Any

import aiohttp

from devkit.loadtest.evidence import Posted
from devkit.loadtest.plan import Endpoints

PHONE = re.compile(r"\+?\d+")
Json = dict[str, Any]


class GraphLog:
    """The WhatsApp emulator's log of accepted sends, from where it stood when the run began."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, contacts: Mapping[str, str]
    ) -> None:
        """`contacts`: phone in digits to the contact id of the tokens."""
        self.posted: list[Posted] = []
        self._session, self._url, self._contacts = session, url, contacts
        self._position = 0

    async def skip(self) -> None:
        self._position += len(await self._new())

    async def read_on(self) -> int:
        """The number of new entries. Raises aiohttp.ClientError."""
        new = await self._new()
        self._position += len(new)
        self.posted += [posted(entry, self._contacts) for entry in new]
        return len(new)

    async def _new(self) -> list[Json]:
        url = f"{self._url}/control/asked/accepted"
        return list(await get(self._session, url, since=str(self._position)))


def posted(entry: Json, contacts: Mapping[str, str]) -> Posted:
    body = entry["body"]
    to = str(body.get("to") or body.get("recipient") or "")
    contact = contacts.get(to.lstrip("+"), to) if PHONE.fullmatch(to) else to
    return Posted(
        phone_number_id=entry["phone_number_id"],
        contact=contact,
        text=text_of(body),
        access_token=entry["token"],
        at=entry["at"],
        tag=body.get("biz_opaque_callback_data"),
    )


def text_of(body: Json) -> str:
    shown = body.get("text") or body.get("interactive", {}).get("body") or {}
    return str(shown.get("body") or shown.get("text") or "")


async def injected(
    session: aiohttp.ClientSession, endpoints: Endpoints, names: tuple[str, ...]
) -> dict[str, int]:
    """How many faults each of these emulators ("openai", "whatsapp") has injected so far."""
    counters = {"openai": openai_faults, "whatsapp": whatsapp_faults}
    return {name: await counters[name](session, endpoints) for name in names}


async def openai_faults(session: aiohttp.ClientSession, endpoints: Endpoints) -> int:
    faults = await get(session, f"{endpoints.openai_url}/control/faults")
    return sum(faults["injected"].values())


async def whatsapp_faults(session: aiohttp.ClientSession, endpoints: Endpoints) -> int:
    rules = await get(session, f"{endpoints.whatsapp_url}/control/faults")
    return sum(rule["fired"] for rule in rules)


async def get(session: aiohttp.ClientSession, url: str, **query: str) -> Any:
    async with session.get(url, params=query, raise_for_status=True) as response:
        return await response.json()
