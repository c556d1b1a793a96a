"""The real parts: one broker and one PostgreSQL per test run, fresh topics and databases per test.

KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL name running ones. Otherwise they are started for the run:
in containers where a Docker engine has the images, else from the local stack.
CONSERJE_TESTS_ON=containers or =local leaves no choice.
"""

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.support.containers import (
    Running,
    image_of,
    kafka_container,
    lacking,
    postgres_container,
)
from tests.support.summary import remember

from common.postgres.database import driver_url
from common.postgres.migrate import upgrade
from common.topics import every_topic
from devkit.stack.kafka import LocalKafka
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from ops.create_topics import create

PARTITIONS = 6


@dataclass(frozen=True)
class Broker:
    bootstrap: str
    version: str


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server; `ours` where it was made for this run and may be changed."""

    url: str
    version: str
    ours: bool


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """Reachable for the unprivileged user that PostgreSQL runs as."""
    with tempfile.TemporaryDirectory(prefix="conserje-tests-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def broker(home: Path, pytestconfig: pytest.Config) -> Iterator[Broker]:
    if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        remember(pytestconfig, "broker", f"external, {bootstrap}")
        yield Broker(bootstrap, "external")
        return
    image = image_for("kafka")
    with kafka_container(image) if image else local_kafka(home) as (bootstrap, version):
        remember(pytestconfig, "broker", version)
        yield Broker(bootstrap, version)


@pytest.fixture(scope="session")
def server(home: Path, pytestconfig: pytest.Config) -> Iterator[Server]:
    if url := os.environ.get("DATABASE_URL"):
        remember(pytestconfig, "database", "external")
        yield Server(url, "external", ours=False)
        return
    image = image_for("postgres")
    with postgres_container(image) if image else local_postgres(home) as (url, version):
        remember(pytestconfig, "database", version)
        yield Server(url, version, ours=True)


def image_for(service: str) -> str | None:
    """None where the local stack is to be used."""
    wish = os.environ.get("CONSERJE_TESTS_ON", "")
    if wish not in ("", "local", "containers"):
        told = f"CONSERJE_TESTS_ON is {wish!r}: set local, containers or nothing"
        pytest.fail(told, pytrace=False)
    if wish == "local":
        return None
    image = image_of(service)
    if missing := lacking(image):
        if wish == "containers":
            pytest.fail(f"CONSERJE_TESTS_ON=containers, but {missing}", pytrace=False)
        return None
    return image


@contextlib.contextmanager
def local_kafka(home: Path) -> Iterator[Running]:
    port, controller = free_ports(2)
    kafka = LocalKafka.start(home / "kafka", port, controller)
    try:
        yield kafka.bootstrap, f"{kafka.version}, local stack"
    finally:
        kafka.stop()


@contextlib.contextmanager
def local_postgres(home: Path) -> Iterator[Running]:
    postgres = LocalPostgres.start(home / "postgres", free_ports(1)[0])
    try:
        yield postgres.url(), f"{postgres.version}, local stack"
    finally:
        postgres.stop()


@pytest.fixture
def kafka(broker: Broker) -> Broker:
    """The broker with every topic empty and no consumer group."""
    reset(broker.bootstrap)
    return broker


def reset(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    names = {topic.name for topic in every_topic()}
    there = [name for name in admin.list_topics(timeout=10).topics if name in names]
    for future in admin.delete_topics(there).values() if there else []:
        future.result(10)
    groups = [group.group_id for group in admin.list_consumer_groups().result(10).valid]
    for deleted in admin.delete_consumer_groups(groups).values() if groups else []:
        _settled(deleted.result)
    until(lambda: not names & set(admin.list_topics(timeout=10).topics), "topics to go")
    create(bootstrap, every_topic(), partitions=PARTITIONS)
    until(lambda: names <= set(admin.list_topics(timeout=10).topics), "topics to come")


def _settled(result: Callable[[float], object]) -> None:
    """A group that still has a member, or is gone already, does not disturb the next test."""
    try:
        result(10)
    except KafkaException:
        return


def new_topic(bootstrap: str, name: str, partitions: int = PARTITIONS) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    for future in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        future.result(10)


Databases = Callable[..., str]
_numbers = itertools.count(1)


@pytest.fixture
def new_database(server: Server) -> Iterator[Databases]:
    """`new_database(("assistant", "assistant"), ...)`: URL of a fresh database, migrated for the
    given (package, schema) pairs; dropped after the test."""
    names: list[str] = []

    def make(*schemas: tuple[str, str]) -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        _administer(server.url, f"create database {name}")
        names.append(name)
        url = sa.engine.make_url(driver_url(server.url)).set(database=name)
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        for package, schema in schemas:
            upgrade(plain, package, schema)
        return plain

    yield make
    for name in names:
        _administer(server.url, f"drop database if exists {name} with (force)")


def _administer(url: str, statement: str) -> None:
    engine = sa.create_engine(driver_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Waits for a condition; fails naming it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
