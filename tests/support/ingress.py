"""An ingress on loopback with a recording stand-in for the broker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException

from common.service.clock import SystemClock
from common.service.lifecycle import Lifecycle
from common.service.web_server import WebServer
from common.topics import Topic
from devkit.emulators.whatsapp.payloads import sign
from ingress.app import application, web_server
from ingress.publish import Publisher
from ingress.receive import BodyLimits
from ingress.slow_client_guard import GuardedProtocol

SECRETS = ("current-app-secret", "previous-app-secret")
TOKEN = "a-verify-token-of-our-own"


@dataclass(frozen=True)
class Sent:
    topic: str
    key: str
    value: bytes | None
    headers: dict[str, bytes]
    ack: "asyncio.Future[None]"


@dataclass
class FakeBroker:
    """Acks at once, later (`hold`), never well (`refuse`), or has no room (`full`)."""

    hold: bool = False
    refuse: bool = False
    full: bool = False
    sent: list[Sent] = field(default_factory=list)

    def send(
        self, topic: Topic, key: str, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> "asyncio.Future[None]":
        if self.full:
            raise BufferError("Local: Queue full")
        ack: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append(Sent(topic.name, key, value, dict(headers), ack))
        if self.refuse:
            ack.set_exception(KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT)))
        elif not self.hold:
            ack.set_result(None)
        return ack


@asynccontextmanager
async def an_ingress(
    broker: FakeBroker,
    limits: BodyLimits | None = None,
    ack_seconds: float = 5,
    protocol: type[GuardedProtocol] = GuardedProtocol,
) -> AsyncIterator[WebServer]:
    publisher = Publisher(broker, SystemClock(), ack_seconds)
    secrets = tuple(secret.encode() for secret in SECRETS)
    app = application(secrets, TOKEN, publisher, limits or BodyLimits())
    server = web_server(app, "127.0.0.1", 0, 500, Lifecycle("ingress"), protocol)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def url(server: WebServer) -> str:
    return f"http://127.0.0.1:{server.port}/webhook"


def signature(body: bytes, secret: str = SECRETS[0]) -> dict[str, str]:
    return {"X-Hub-Signature-256": sign(secret, body)}
