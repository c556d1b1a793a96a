"""OAUTHBEARER on a real broker: librdkafka and Faust both get their tokens from the endpoint."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
from tests.support.processes import running_service
from tests.support.waiting import eventually

from common.topics import every_topic
from devkit.stack.broker_security import BrokerSecurity, GivenKafkaSettings
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.create_topics import create, grant

pytestmark = pytest.mark.integration
SECRET = "a-secret-of-the-router"
WITH_TOKENS = """
listener.name.clients.sasl.enabled.mechanisms=OAUTHBEARER,PLAIN
listener.name.clients.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub="admin";
"""


@dataclass(frozen=True, slots=True)
class TokenSecurity(BrokerSecurity):
    """Takes tokens without a signature; for tests alone."""

    def properties(self, port: int, controller_port: int) -> str:
        given = super(TokenSecurity, self).properties(port, controller_port)
        return given + WITH_TOKENS


class TokenEndpoint(BaseHTTPRequestHandler):
    """A token for whoever knows the secret; its subject is the client's id."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        client, _, secret = base64.b64decode(given).decode().partition(":")
        if secret != SECRET:
            self.send_error(401)
            return
        now = int(time.time())
        claims = {"sub": client, "iat": now, "exp": now + 300}
        token = f"{encoded({'alg': 'none'})}.{encoded(claims)}."
        body = orjson.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 300})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


def encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")


@contextmanager
def token_endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def broker(home: Path) -> Iterator[LocalKafka]:
    port, controller = free_ports(2)
    security = TokenSecurity("admin-pass")
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller, security=security)
    create(kafka.settings, every_topic(), partitions=1)
    grant(kafka.settings)
    yield kafka
    kafka.stop()


def test_a_router_works_with_tokens_and_not_without(broker: LocalKafka, tmp_path: Path) -> None:
    with token_endpoint() as url:
        kafka = GivenKafkaSettings.model_validate(
            {
                "kafka_bootstrap_servers": broker.bootstrap,
                "kafka_security_protocol": "SASL_PLAINTEXT",
                "kafka_sasl_mechanism": "OAUTHBEARER",
                "kafka_username": "router",
                "kafka_password": SECRET,
                "kafka_oauth_token_url": url,
            }
        )
        with running_service("router", kafka, tmp_path) as service:
            service.wait_until_ready()
            assert service.drain() == 0
        with running_service("router", kafka, tmp_path, KAFKA_PASSWORD="guessed") as refused:
            eventually(lambda: "kafka_refused" in refused.log.read_text(), "the refusal")
            assert "KAFKA_OAUTH_TOKEN_URL" in refused.log.read_text()
            assert not refused.is_ready()
