"""The chat page: what a contact sees, rendered here and kept live by server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from devkit.emulators.whatsapp.changes import Change
from devkit.emulators.whatsapp.emulator import Emulator
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.emulators.whatsapp.markup import html
from devkit.emulators.whatsapp.message_preview import preview
from devkit.emulators.whatsapp.page_texts import PAGE_TEXTS, page_language
from devkit.emulators.whatsapp.state import Conversation, Message

HERE = Path(__file__).parent
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PING = 15.0  # seconds; keeps the stream alive and shows a closed tab
REACTIONS = ("👍", "❤️", "😂", "😮", "😢", "🙏")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at the page: the person they write as, and their language."""

    contact: Contact
    language: str


class Page:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        loader = FileSystemLoader(HERE / "templates")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True)
        self._templates.filters |= {"html": html, "utc": utc, "tone": tone, "size": size}
        self._templates.globals |= {"preview": preview, "emulator": emulator}

    def routes(self) -> list[BaseRoute]:
        static = StaticFiles(directory=HERE / "static")
        return [
            Route("/", self.index),
            Route("/events", self.events),
            Mount("/static", static),
        ]

    async def index(self, request: Request) -> Response:
        state, reader = self._emulator.state, self._reader(request)
        page = self._templates.get_template("page.html").render(
            **self._shown_to(reader),
            me=reader.contact,
            contacts=state.contacts.values(),
            conversations=[
                state.conversation(business, reader.contact)
                for business in state.businesses.values()
            ],
            languages=PAGE_TEXTS,
            reactions=REACTIONS,
            number=self._emulator.changes.number,
        )
        return HTMLResponse(page, headers=SECURITY | {"Cache-Control": "no-store"})

    async def events(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = self._stream(self._reader(request), int(since) if since.isdecimal() else 0)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _reader(self, request: Request) -> Reader:
        """The chosen person, else the first one."""
        contacts, query = self._emulator.state.contacts, request.query_params
        chosen = contacts.get(query.get("contact", ""))
        contact = chosen or next(iter(contacts.values()), Contact("Usted", "34600000000", "ES.1"))
        accepted = request.headers.get("accept-language", "")
        return Reader(contact, page_language(query.get("lang"), accepted))

    def _shown_to(self, reader: Reader) -> dict[str, Any]:
        """What every template needs."""
        now = self._emulator.clock()
        return {"t": PAGE_TEXTS[reader.language], "language": reader.language, "now": now}

    async def _stream(self, reader: Reader, since: int) -> AsyncIterator[bytes]:
        with self._emulator.changes.subscription(since) as changes:
            yield b": hello\n\n"
            while True:
                try:
                    number, change = await asyncio.wait_for(changes.get(), PING)
                except TimeoutError:
                    yield b": ping\n\n"
                    continue
                event = self._event(change, reader)
                if event:
                    yield b"id: %d\ndata: %b\n\n" % (number, orjson.dumps(event))

    def _event(self, change: Change | None, reader: Reader) -> dict[str, Any] | None:
        """What the browser is told, if it concerns this person."""
        if change is None:
            return {"type": "reload"}
        if isinstance(change, Business):
            return self._added(self._emulator.state.conversation(change, reader.contact), reader)
        conversation = change if isinstance(change, Conversation) else change.conversation
        if conversation.contact.user_id != reader.contact.user_id:
            return None
        chat = conversation.business.phone_number_id
        if isinstance(change, Conversation):
            seconds = change.typing_until - self._emulator.clock()
            return {"type": "typing", "chat": chat, "seconds": seconds}
        return {
            "type": "message",
            "chat": chat,
            "id": change.wamid,
            "html": self._fragment("bubble.html", "bubble", change, reader),
            "preview": preview(change, PAGE_TEXTS[reader.language]),
            "last": conversation.messages[-1] is change,
        }

    def _added(self, conversation: Conversation, reader: Reader) -> dict[str, Any]:
        return {
            "type": "chat",
            "chat": conversation.business.phone_number_id,
            "row": self._fragment("chat.html", "row", conversation, reader),
            "panel": self._fragment("chat.html", "panel", conversation, reader),
        }

    def _fragment(
        self, file: str, macro: str, subject: Message | Conversation, reader: Reader
    ) -> str:
        module = self._templates.get_template(file).make_module(self._shown_to(reader))
        return str(getattr(module, macro)(subject))


def utc(at: float) -> str:
    """For <time datetime>; the browser shows it in its own time zone."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def tone(name: str) -> int:
    """One of six colours of a name's avatar."""
    return sum(name.encode()) % 6


def size(count: int) -> str:
    """Bytes as WhatsApp shows them: 12 kB, 1.4 MB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"
