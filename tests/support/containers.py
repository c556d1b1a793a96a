"""Kafka and PostgreSQL from testcontainers, where a Docker engine has the images of compose.

CONSERJE_TESTS_ON=containers or =local leaves no choice. Nothing is ever pulled. A container ends
with the run, also with one that is killed.
"""

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import psycopg2
import pytest
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from tests.support.waiting import eventually

from common.kafka.kafka_access import client_config
from common.service.settings import KafkaSettings
from devkit.stack.broker_security import GivenKafkaSettings
from devkit.stack.kafka import CLUSTER_ID
from devkit.stack.kafka_groups import warm_up_groups
from devkit.stack.ports import free_ports
from devkit.stack.postgres import SETTINGS, SUPERUSER

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
LOCAL = "CONSERJE_TESTS_ON=local does without containers"
ANSWER_DEADLINE = 30  # seconds, for an engine that may be busy
START_DEADLINE = 240.0  # seconds; 2 and 5 when idle
# -XX:+UseSerialGC would contradict the image's own choice of a collector.
HEAP = "-Xms64m -Xmx384m -XX:TieredStopAtLevel=1"
OF_THE_LOCAL_STACK = {"listen_addresses", "unix_socket_directories"}
WHEN_WE_DIE = """
import contextlib, sys
sys.stdin.read()
from docker.errors import NotFound
from testcontainers.core.docker_client import DockerClient
with contextlib.suppress(NotFound):
    DockerClient().client.containers.get(sys.argv[1]).remove(force=True, v=True)
"""

# Its reaper is one more image; `ended_with_us` does the same.
testcontainers_config.ryuk_disabled = True
if os.environ.get("DOCKER_AUTH_CONFIG"):
    testcontainers_config.docker_auth_config = ""  # else every client first logs in to a registry

Running = tuple[str, str]  # address, and what runs there
RunningKafka = tuple[KafkaSettings, str]


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """Reachable for the unprivileged user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="conserje-tests-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def image_for(service: str) -> str | None:
    """None where the local stack is to be used."""
    wish = os.environ.get("CONSERJE_TESTS_ON", "")
    if wish not in ("", "local", "containers"):
        problem = f"CONSERJE_TESTS_ON is {wish!r}: set local, containers or nothing"
        pytest.fail(problem, pytrace=False)
    if wish == "local":
        return None
    image = image_of(service)
    if missing := missing_for(image):
        if wish == "containers":
            pytest.fail(f"CONSERJE_TESTS_ON=containers, but {missing}", pytrace=False)
        return None
    return image


def image_of(service: str) -> str:
    image: str = yaml.safe_load(COMPOSE.read_text())["services"][service]["image"]
    return testcontainers_config.hub_image_name_prefix + image


def missing_for(image: str) -> str | None:
    """What is missing to run a container of it, and how to get it; None when nothing is."""
    try:
        client = DockerClient(timeout=ANSWER_DEADLINE).client
        there = client.images.list(name=image)
        client.close()
    except (DockerException, OSError) as error:
        where = os.environ.get("DOCKER_HOST") or "the usual socket"
        return f"no Docker engine answers on {where} (start one or set DOCKER_HOST): {error}"
    return None if there else f"the Docker engine has no image {image}: docker pull {image}"


@contextlib.contextmanager
def kafka_container(image: str) -> Iterator[RunningKafka]:
    """A broker with the settings of the local stack; yields it for clients."""
    bind, host = addresses()
    port, controller = free_ports(2)
    kafka = GivenKafkaSettings(kafka_bootstrap_servers=f"{host}:{port}")
    container = (
        DockerContainer(image)
        .with_envs(**kafka_environment(kafka.kafka_bootstrap_servers, port, controller))
        .with_env("CLUSTER_ID", CLUSTER_ID)
        .with_env("KAFKA_HEAP_OPTS", HEAP)
    )
    publish(container, port, bind, port)
    with ended_with_us(container):
        wait(container, lambda: answers(kafka))
        warm_up_groups(kafka, START_DEADLINE)
        yield kafka, f"kafka {kafka_version(container)}, container {image}"


def kafka_environment(address: str, port: int, controller: int) -> dict[str, str]:
    """server.properties of the local stack as apache/kafka wants it: a.b_c-d is KAFKA_A_B__C___D.

    The port is the same inside and outside: the broker reaches itself where clients do.
    """
    text = resources.files("devkit.stack").joinpath("server.properties").read_text()
    filled = Template(text).substitute(
        port=port, controller_port=controller, data="/var/lib/kafka/data"
    )
    lines = [line for line in filled.splitlines() if line and not line.startswith("#")]
    properties = dict(line.split("=", 1) for line in lines)
    del properties["controller.quorum.bootstrap.servers"]  # the image formats for voters
    properties |= {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://{address}",
    }
    return {variable(name): value for name, value in properties.items()}


def variable(name: str) -> str:
    escaped = name.replace("_", "__").replace("-", "___").replace(".", "_")
    return f"KAFKA_{escaped.upper()}"


def answers(kafka: KafkaSettings) -> bool:
    """Asked with a new client each time: an old one waits longer after every refusal."""
    try:
        AdminClient(client_config(kafka)).list_topics(timeout=1)
    except KafkaException:
        return False
    return True


def kafka_version(container: DockerContainer) -> str:
    """From the jars that run: the protocol tells no version."""
    jars = container.exec(["ls", "/opt/kafka/libs"]).output.decode().split()
    clients = [jar for jar in jars if jar.startswith("kafka-clients-")]
    return clients[0].removeprefix("kafka-clients-").removesuffix(".jar") if clients else "?"


@contextlib.contextmanager
def postgres_container(image: str) -> Iterator[Running]:
    """A server with the settings of the local stack; yields the URL of its superuser."""
    bind, host = addresses()
    port, password = free_ports(1)[0], secrets.token_hex(16)
    url = f"postgresql://{SUPERUSER}:{password}@{host}:{port}/postgres"
    container = (
        DockerContainer(image)
        .with_env("POSTGRES_USER", SUPERUSER)
        .with_env("POSTGRES_PASSWORD", password)
        .with_command([*command_of(image), *postgres_options()])
    )
    publish(container, 5432, bind, port)
    with ended_with_us(container):
        wait(container, lambda: postgres_version(url))
        yield url, f"postgresql {postgres_version(url)}, container {image}"


def command_of(image: str) -> list[str]:
    """The image's own, to append to."""
    client = DockerClient().client
    command: list[str] = client.images.get(image).attrs["Config"]["Cmd"]
    client.close()
    return command


def postgres_options() -> list[str]:
    kept = {name: value for name, value in SETTINGS.items() if name not in OF_THE_LOCAL_STACK}
    return [part for name, value in kept.items() for part in ("-c", f"{name}={value}")]


def postgres_version(url: str) -> str | None:
    """None while it does not answer. Images add a packager's note: "18.4 (Debian 18.4-1)"."""
    try:
        connection = psycopg2.connect(url, connect_timeout=2)
    except psycopg2.OperationalError:
        return None
    version = str(connection.get_parameter_status("server_version"))
    connection.close()
    return version.split()[0]


def addresses() -> tuple[str, str]:
    """Where to publish ports, and the host to reach them: this machine only, if the engine is here.

    An engine elsewhere (DOCKER_HOST=ssh://..., TESTCONTAINERS_HOST_OVERRIDE) publishes to all.
    """
    client = DockerClient()
    host = client.host()
    client.client.close()
    here = host in {"localhost", "127.0.0.1", "::1"}
    return ("127.0.0.1", "127.0.0.1") if here else ("0.0.0.0", host)


def publish(container: DockerContainer, inside: int, bind: str, port: int) -> None:
    """with_bind_ports knows no address; what it fills is handed on to docker-py, which does."""
    ports: dict[str, Any] = container.ports
    ports[f"{inside}/tcp"] = (bind, port)


@contextlib.contextmanager
def ended_with_us(container: DockerContainer) -> Iterator[None]:
    """Runs it. Should this process be killed, its end of a pipe closes, and a guard removes it."""
    name = f"conserje-tests-{os.getpid()}-{secrets.token_hex(4)}"
    guard = subprocess.Popen(
        [sys.executable, "-c", WHEN_WE_DIE, name], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        with container.with_name(name):
            yield
    finally:
        guard.kill()
        guard.communicate()


def wait(container: DockerContainer, is_up: Callable[[], object]) -> None:
    def is_up_or_ended() -> bool:
        container.reload()
        return bool(is_up()) or container.status != "running"

    try:
        eventually(is_up_or_ended, "an answer", START_DEADLINE)
        assert container.status == "running"
    except AssertionError:
        log = b"".join(container.get_logs()).decode(errors="replace")[-2000:]
        problem = f"{container.image} did not start; {LOCAL}. It printed:\n{log}"
        pytest.fail(problem, pytrace=False)
