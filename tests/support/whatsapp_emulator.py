"""A running WhatsApp emulator and a webhook receiver, each a server in a thread of its own."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tests.support.loopback import serve
from tests.support.waiting import eventually

from devkit.emulators.whatsapp import Business, Contact, Knobs, WhatsAppConfig, create_app

SECRET, VERIFY, TOKEN = "app-secret-of-tests", "verify-token-of-tests", "token-of-all-numbers"
BAKERY = Business("Panadería Sol", "+34911000001", "100000000000001", token="token-of-bakery")
GARAGE = Business("Taller Luna", "+34911000002", "100000000000002")
LUCIA = Contact("Lucía", "34600111222", "ES.13491208655302741918")
MARCOS = Contact("Marcos", "34600333444", "ES.24817730916653087742", phone_visible=False)


@dataclass
class Receiver:
    """A webhook URL that keeps what it gets; `answers` are HTTP statuses to give first."""

    verify_token: str = VERIFY
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/webhook", self.take, methods=["GET", "POST"])])

    async def take(self, request: Request) -> Response:
        if request.method == "GET":
            good = request.query_params["hub.verify_token"] == self.verify_token
            challenge = request.query_params["hub.challenge"]
            return PlainTextResponse(challenge if good else "", 200 if good else 403)
        self.bodies.append(await request.body())
        self.signatures.append(request.headers["x-hub-signature-256"])
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def values(self) -> list[dict[str, Any]]:
        """Every `value` of every webhook so far."""
        return [
            change["value"]
            for body in self.bodies
            for entry in json.loads(body)["entry"]
            for change in entry["changes"]
        ]

    def statuses(self) -> list[dict[str, Any]]:
        return [status for value in self.values() for status in value.get("statuses", [])]

    def messages(self) -> list[dict[str, Any]]:
        return [message for value in self.values() for message in value.get("messages", [])]


@dataclass
class Running:
    url: str
    receiver: Receiver
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=10))

    @property
    def graph(self) -> str:
        return f"{self.url}/v26.0"

    def fresh(self) -> "Running":
        """As started, for the next test: starting servers takes longer than most tests."""
        eventually(lambda: self.look("state")["webhooks"]["pending"] == 0)
        self.control("settings", **asdict(at_once()))
        self.control("reset")
        self.receiver.bodies.clear()
        self.receiver.signatures.clear()
        self.receiver.answers.clear()
        return self

    def send(self, business: Business = GARAGE, token: str = TOKEN, **body: Any) -> httpx.Response:
        """A text to Lucía unless `body` says otherwise."""
        message = {"to": f"+{LUCIA.wa_id}", "text": {"body": "hola"}} | body
        if "recipient" in body and "to" not in body:
            del message["to"]
        return self.post(business.phone_number_id, token, message)

    def post(self, number: str, token: str, body: dict[str, Any]) -> httpx.Response:
        body = {"messaging_product": "whatsapp"} | body
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.post(f"{self.graph}/{number}/messages", json=body, headers=headers)

    def control(self, path: str, **body: Any) -> Any:
        response = self.http.post(f"{self.url}/control/{path}", json=body)
        response.raise_for_status()
        return response.json()

    def look(self, path: str) -> Any:
        return self.http.get(f"{self.url}/control/{path}").raise_for_status().json()

    def write(
        self, business: Business = GARAGE, contact: Contact = LUCIA, **message: Any
    ) -> dict[str, Any]:
        """A contact writes; the message as the webhook receiver got it."""
        to = {"phone_number_id": business.phone_number_id, "contact": contact.user_id}
        wamid = self.control("inbound", **to, **({"text": "hola"} | message))["wamid"]
        received = self.receiver.messages
        return eventually(
            lambda: next((message for message in received() if message["id"] == wamid), None)
        )


@contextmanager
def running(
    knobs: Knobs | None = None, clock: Callable[[], float] = time.time
) -> Iterator[Running]:
    """An emulator with two businesses and two people; statuses follow at once."""
    knobs = knobs or at_once()
    receiver = Receiver()
    with serve(receiver.app()) as webhook:
        config = WhatsAppConfig(
            app_secret=SECRET,
            verify_token=VERIFY,
            access_token=TOKEN,
            webhook_url=f"{webhook}/webhook",
            businesses=(BAKERY, GARAGE),
            contacts=(LUCIA, MARCOS),
            knobs=knobs,
            clock=clock,
        )
        with serve(create_app(config)) as url, Running(url, receiver).http as http:
            yield Running(url, receiver, http)


def at_once() -> Knobs:
    return Knobs(sent_after=0, delivered_after=0, read_after=0)


def signature_of(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
