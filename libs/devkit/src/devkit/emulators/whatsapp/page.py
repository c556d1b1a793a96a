"""The chat page: what a contact sees, rendered here and kept live by server-sent events."""

import asyncio
from collections.abc import AsyncIterator
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
from devkit.emulators.whatsapp.markup import html, plain
from devkit.emulators.whatsapp.state import Conversation, Message

HERE = Path(__file__).parent
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
PING = 15.0  # seconds; keeps the stream alive and shows a closed tab
MEDIA = {
    "image": "📷 Foto",
    "video": "🎥 Vídeo",
    "audio": "🎤 Audio",
    "document": "📄 Documento",
    "sticker": "Sticker",
    "template": "Plantilla",
    "contacts": "👤 Contacto",
}


class Page:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        loader = FileSystemLoader(HERE / "templates")
        self._templates = Environment(loader=loader, autoescape=True, trim_blocks=True)
        self._templates.filters |= {"html": html, "preview": preview, "utc": utc, "tone": tone}

    def routes(self) -> list[BaseRoute]:
        static = StaticFiles(directory=HERE / "static")
        return [
            Route("/", self.index),
            Route("/events", self.events),
            Mount("/static", static),
        ]

    async def index(self, request: Request) -> Response:
        state = self._emulator.state
        me = self._contact(request)
        page = self._templates.get_template("page.html").render(
            me=me,
            contacts=state.contacts.values(),
            conversations=[
                state.conversation(business, me) for business in state.businesses.values()
            ],
            messages=state.messages,
            now=self._emulator.clock(),
            number=self._emulator.changes.number,
        )
        return HTMLResponse(page, headers=SECURITY | {"Cache-Control": "no-store"})

    async def events(self, request: Request) -> Response:
        headers = {"Cache-Control": "no-store"}
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = self._stream(self._contact(request), int(since) if since.isdecimal() else 0)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _contact(self, request: Request) -> Contact:
        """The chosen person, else the first one."""
        contacts = self._emulator.state.contacts
        chosen = contacts.get(request.query_params.get("contact", ""))
        return chosen or next(iter(contacts.values()), Contact("Usted", "34600000000", "ES.1"))

    async def _stream(self, me: Contact, since: int) -> AsyncIterator[bytes]:
        with self._emulator.changes.subscription(since) as changes:
            yield b": hello\n\n"
            while True:
                try:
                    number, change = await asyncio.wait_for(changes.get(), PING)
                except TimeoutError:
                    yield b": ping\n\n"
                    continue
                event = self._event(change, me)
                if event:
                    yield b"id: %d\ndata: %b\n\n" % (number, orjson.dumps(event))

    def _event(self, change: Change | None, me: Contact) -> dict[str, Any] | None:
        """What the browser is told, if it concerns this person."""
        if change is None:
            return {"type": "reload"}
        if isinstance(change, Business):
            return self._added(self._emulator.state.conversation(change, me))
        conversation = change if isinstance(change, Conversation) else change.conversation
        if conversation.contact.user_id != me.user_id:
            return None
        chat = conversation.business.phone_number_id
        if isinstance(change, Conversation):
            seconds = change.typing_until - self._emulator.clock()
            return {"type": "typing", "chat": chat, "seconds": seconds}
        return {
            "type": "message",
            "chat": chat,
            "id": change.wamid,
            "html": self._fragment("bubble", change),
            "preview": preview(change),
        }

    def _added(self, conversation: Conversation) -> dict[str, Any]:
        return {
            "type": "chat",
            "chat": conversation.business.phone_number_id,
            "row": self._fragment("row", conversation),
            "panel": self._fragment("panel", conversation),
        }

    def _fragment(self, macro: str, subject: Message | Conversation) -> str:
        render = getattr(self._templates.get_template("chat.html").module, macro)
        return str(render(subject, self._emulator.state.messages, self._emulator.clock()))


def preview(message: Message) -> str:
    """One line of plain text for the list of chats and for quotes."""
    content = message.content
    match message.kind:
        case "text":
            return plain(str(content["body"]))
        case "interactive" if message.outgoing:
            return plain(str(content["body"]["text"]))
        case "interactive":
            return str(content.get("button_reply", content.get("list_reply", {})).get("title", ""))
        case "location":
            return f"📍 {content.get('name') or 'Ubicación'}"
        case kind:
            return MEDIA.get(kind, "Mensaje no compatible")


def utc(at: float) -> str:
    """For <time datetime>; the browser shows it in its own time zone."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def tone(name: str) -> int:
    """One of six colours of a name's avatar."""
    return sum(name.encode()) % 6
