"""The brokers of Compose and of the overlay `dev`, with their own settings and their own jobs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer
from tests.support.compose import services
from tests.support.kustomize import built, named

from common.kafka.producer import producer_config
from common.service.settings import KafkaSettings
from common.topics import REPLIES_OUTBOUND
from devkit.stack.broker_security import ADMIN, BrokerSecurity, GivenKafkaSettings
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from ops.kafka_rights import OPERATOR, USERS, may_write

pytestmark = pytest.mark.integration
SECURITY = ("sasl.", "listener.name.", "config.providers", "authorizer.", "super.", "inter.broker.")
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ShippedSecurity(BrokerSecurity):
    """What a manifest says of users and rights; where the broker listens is ours."""

    given: Mapping[str, str] | None = None
    secrets: Path = Path()

    def properties(self, port: int, controller_port: int) -> str:
        known = {property_of(name): value for name, value in (self.given or {}).items()}
        chosen = {name: value for name, value in known.items() if name.startswith(SECURITY)}
        lines = [
            f"listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            f"advertised.listeners=CLIENTS://127.0.0.1:{port}",
            f"listener.security.protocol.map={known['listener.security.protocol.map']}",
            *(f"{name}={self._here(value)}" for name, value in chosen.items()),
        ]
        return "\n" + "\n".join(lines) + "\n"

    def _here(self, value: str) -> str:
        return value.replace("$$", "$").replace("/run/secrets", str(self.secrets))


def property_of(name: str) -> str:
    """KAFKA_A_B is a.b, ___ is -: as the image reads them."""
    return name.removeprefix("KAFKA_").lower().replace("___", "-").replace("_", ".")


def of_compose() -> Mapping[str, str]:
    return {name: value or "" for name, value in services()["kafka"]["environment"].items()}


def of_the_overlay() -> Mapping[str, str]:
    objects = built("dev")
    pod = named(objects, "StatefulSet", "kafka")["spec"]["template"]["spec"]
    [source] = pod["containers"][0]["envFrom"]
    found: Mapping[str, str] = named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return found


GIVEN = {
    "WHATSAPP_APP_SECRETS": "f" * 32,
    "WHATSAPP_VERIFY_TOKEN": "a-token-of-the-tests",
    "OPENAI_API_KEY": "sk-of-these-tests-alone",
}
OPERATORS = "tenant-admin/operator_kafka_password"


@pytest.fixture(params=[of_compose, of_the_overlay], ids=["compose", "dev"])
def broker(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[LocalKafka]:
    """With the secrets that the job of Compose makes."""
    run("ops.secret_files", SECRETS_FOLDER=str(tmp_path), **GIVEN)
    port, controller = free_ports(2)
    security = ShippedSecurity(
        password=(tmp_path / "kafka" / "password").read_text(),
        given=request.param(),
        secrets=tmp_path / "kafka",
    )
    kafka = LocalKafka.start(home / f"kafka-{port}", port, controller, security=security)
    yield kafka
    kafka.stop()


def test_the_jobs_give_each_service_its_user_and_its_rights(
    broker: LocalKafka, tmp_path: Path
) -> None:
    administrator = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_USERNAME": ADMIN,
    }
    users = {
        f"{path.name.upper()}_FILE": str(path) for path in (tmp_path / "kafka-users").iterdir()
    }
    run("ops.create_kafka_users", **administrator | users)
    topics = {"KAFKA_PASSWORD_FILE": str(tmp_path / "topics" / "kafka_password")}
    run("ops.create_topics", "--acls", TOPIC_PARTITIONS="1", **administrator | topics)
    for user in USERS:
        file = OPERATORS if user == OPERATOR else f"{user}/kafka_password"
        refused = refusal(user_of(broker, user, (tmp_path / file).read_text()))
        assert (refused is None) == may_write(user, REPLIES_OUTBOUND), user
    assert refusal(user_of(broker, "assistant", "guessed")) is not None
    assert refusal(GivenKafkaSettings(kafka_bootstrap_servers=broker.bootstrap)) is not None


def user_of(broker: LocalKafka, user: str, password: str) -> KafkaSettings:
    assert broker.security
    return broker.security.user(broker.bootstrap, user, password)


def refusal(kafka: KafkaSettings) -> KafkaError | None:
    """What comes of a forged reply."""
    producer = Producer(producer_config(kafka, deadline_ms=3000, linger_ms=0))
    results: list[KafkaError | None] = []
    producer.produce(
        REPLIES_OUTBOUND.name, b"{}", on_delivery=lambda error, _: results.append(error)
    )
    assert producer.flush(SECONDS) == 0
    [result] = results
    return result


def run(module: str, *words: str, **variables: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
