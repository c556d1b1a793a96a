"""The control API: what a test, the stack or a load run asks of the emulator. JSON in and out.

Errors: 422 with the first wrong field. Times are seconds; see config.Knobs, faults and payloads.
"""

from dataclasses import asdict, fields
from typing import Any, Literal

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.emulators.json_api import answer, control_routes, given
from devkit.emulators.whatsapp.account_news import AccountNews, account_news
from devkit.emulators.whatsapp.config import Knobs
from devkit.emulators.whatsapp.emulator import Emulator, new_wamid
from devkit.emulators.whatsapp.faults import Rule
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.emulators.whatsapp.inbound import Echo, Inbound, message_of
from devkit.emulators.whatsapp.message_templates import MessageTemplate
from devkit.emulators.whatsapp.state import GraphCall, Message


class Control:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return control_routes(
            ("GET", "state", self.state),
            ("GET", "messages", self.messages),
            ("GET", "asked/{log}", self.asked),
            ("POST", "businesses", self.add_business),
            ("POST", "contacts", self.add_contact),
            ("POST", "templates", self.add_template),
            ("POST", "inbound", self.inbound),
            ("POST", "echo", self.echo),
            ("POST", "news", self.news),
            ("POST", "webhook", self.webhook),
            ("POST", "settings", self.settings),
            ("POST", "faults", self.add_fault),
            ("GET", "faults", self.faults),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "reset", self.reset),
        )

    async def state(self, request: Request) -> Response:
        """`pending` webhooks are undelivered or statuses whose time has not come."""
        state, webhooks = self._emulator.state, self._emulator.webhooks
        pending = webhooks.pending + self._emulator.statuses.pending
        return answer(
            {
                "businesses": [asdict(business) for business in state.businesses.values()],
                "contacts": [asdict(contact) for contact in state.contacts.values()],
                "settings": asdict(self._emulator.knobs),
                "asked": {name: len(getattr(state, name)) for name in LOGS},
                "webhooks": dict(webhooks.counts) | {"pending": pending},
                "faults": self._faults(),
            }
        )

    async def messages(self, request: Request) -> Response:
        """All messages, oldest first, of a `phone_number_id` and a `contact` if given."""
        number, contact = map(request.query_params.get, ("phone_number_id", "contact"))
        messages = [
            shown(message)
            for conversation in self._emulator.state.conversations.values()
            if number in (None, conversation.business.phone_number_id)
            and contact in (None, conversation.contact.user_id, conversation.contact.wa_id)
            for message in conversation.messages
        ]
        return answer(sorted(messages, key=lambda message: int(message["at"])))

    async def asked(self, request: Request) -> Response:
        """A log of POSTs to /messages from position `since`: accepted, marks or refused."""
        name = request.path_params["log"]
        if name not in LOGS:
            return answer({"error": f"one of {', '.join(LOGS)}"}, 404)
        since = int(request.query_params.get("since", 0))
        return answer([logged(call) for call in getattr(self._emulator.state, name)[since:]])

    async def add_business(self, request: Request) -> Response:
        business = await given(request, Business)
        self._emulator.add_business(business)
        return answer(asdict(business), 201)

    async def add_contact(self, request: Request) -> Response:
        contact = await given(request, Contact)
        self._emulator.state.put_contact(contact)
        return answer(asdict(contact), 201)

    async def add_template(self, request: Request) -> Response:
        """Meta has approved it; one with its name and language is replaced."""
        template = await given(request, MessageTemplate)
        self._emulator.templates.add(template)
        return answer(asdict(template), 201)

    async def inbound(self, request: Request) -> Response:
        """A contact writes; numbers and people that are not known yet are added."""
        written = await given(request, Inbound)
        business = self._emulator.known_business(written.phone_number_id)
        contact = self._emulator.known_contact(written.contact)
        file = self._emulator.media.get(written.id)
        message = message_of(written, contact, self._emulator.clock(), file)
        self._emulator.write(business, contact, message)
        return answer({"wamid": message["id"]}, 202)

    async def echo(self, request: Request) -> Response:
        """The business writes on its own phone; the number is then in the app too."""
        written = await given(request, Echo)
        business = self._emulator.known_business(written.phone_number_id)
        contact = self._emulator.known_contact(written.contact)
        wamid = written.wamid or new_wamid()
        self._emulator.write_on_phone(business, contact, wamid, written.text)
        return answer({"wamid": wamid}, 202)

    async def news(self, request: Request) -> Response:
        """Meta tells something about a number or its account; account_news names what it can."""
        told = await given(request, AccountNews)
        business = self._emulator.known_business(told.phone_number_id)
        at = self._emulator.clock()
        self._emulator.webhooks.send(account_news(business, told.what, at))
        return answer({}, 202)

    async def webhook(self, request: Request) -> Response:
        """Deliver exactly these bytes, signed unless a signature is given."""
        body = await request.body()
        signature = request.headers.get("x-hub-signature-256", self._emulator.webhooks.sign(body))
        self._emulator.webhooks.send_raw(body, signature)
        return answer({}, 202)

    async def settings(self, request: Request) -> Response:
        knobs = self._emulator.knobs
        changes = asdict(knobs) | orjson.loads(await request.body())
        checked = TypeAdapter(Knobs).validate_python(changes, extra="forbid")
        for knob in fields(Knobs):
            setattr(knobs, knob.name, getattr(checked, knob.name))
        return answer(asdict(knobs))

    async def add_fault(self, request: Request) -> Response:
        self._emulator.faults.rules.append(await given(request, Rule))
        return answer(self._faults(), 201)

    async def faults(self, request: Request) -> Response:
        """The rules with their counters: seen and fired."""
        return answer(self._faults())

    async def clear_faults(self, request: Request) -> Response:
        self._emulator.faults.rules.clear()
        return answer([])

    async def reset(self, request: Request) -> Response:
        await self._emulator.reset()
        return answer({})

    def _faults(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._emulator.faults.rules]


LOGS: tuple[Literal["accepted", "marks", "refused"], ...] = ("accepted", "marks", "refused")


def shown(message: Message) -> dict[str, Any]:
    return {
        "wamid": message.wamid,
        "phone_number_id": message.conversation.business.phone_number_id,
        "contact": message.conversation.contact.user_id,
        "direction": "outbound" if message.outgoing else "inbound",
        "kind": message.kind,
        "content": message.content,
        "at": message.at,
        "status": message.status,
        "quoted": message.quoted,
        "tag": message.tag,
        "echo": message.echo,
        "edited": message.edited,
        "deleted": message.deleted,
        "error": message.error and message.error[0],
    }


def logged(call: GraphCall) -> dict[str, Any]:
    """`body` is null where the caller sent no JSON."""
    fields = asdict(call)
    try:
        body = orjson.loads(fields.pop("raw"))
    except orjson.JSONDecodeError:
        body = None
    return fields | {"body": body}
