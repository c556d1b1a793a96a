"""An ingress on loopback with a producer that records."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.components import FakeProducer

from common.service.clock import SystemClock
from common.service.crash_points import CrashPoints
from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Lifecycle
from common.service.web_server import WebServer
from devkit.emulators.whatsapp.payloads import sign
from ingress.app import application, web_server
from ingress.publish import Publisher
from ingress.receive import BodyLimits

SECRETS = ("0c" * 16, "0b" * 16)  # the current one, and the one before
TOKEN = "a-verify-token-of-our-own"


@asynccontextmanager
async def an_ingress(
    producer: FakeProducer,
    limits: BodyLimits | None = None,
    ack_seconds: float = 5,
    connections: int = 500,
) -> AsyncIterator[WebServer]:
    publisher = Publisher(producer, SystemClock(), ack_seconds, CrashPoints())
    secrets = tuple(secret.encode() for secret in SECRETS)
    app = application(secrets, TOKEN, publisher, limits or BodyLimits())
    server = web_server(app, "127.0.0.1", 0, ConnectionLimits(connections), Lifecycle("ingress"))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def url(server: WebServer) -> str:
    return f"http://127.0.0.1:{server.port}/webhook"


def signature(body: bytes, secret: str = SECRETS[0]) -> dict[str, str]:
    return {"X-Hub-Signature-256": sign(secret, body)}
