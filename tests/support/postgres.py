"""The PostgreSQL server of a test run, and a fresh database for each test that asks for one.

DATABASE_URL names a running one. Otherwise it is started for the run: in a container where a
Docker engine has the image, else from the local stack.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.containers import Running, image_for, postgres_container
from tests.support.summary import remember

from common.postgres.engine import DRIVER
from common.postgres.migrate import upgrade
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres

NewDatabase = Callable[..., str]
numbers = itertools.count(1)


def driver_url(url: str) -> str:
    """For SQLAlchemy, which wants the driver's name."""
    return f"{DRIVER}://{url.partition('://')[2]}"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server; `ours` where it was made for this run and may be changed."""

    url: str
    version: str
    ours: bool


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


@contextlib.contextmanager
def local_postgres(home: Path) -> Iterator[Running]:
    postgres = LocalPostgres.start(home / "postgres", free_ports(1)[0])
    try:
        yield postgres.url(), f"{postgres.version}, local stack"
    finally:
        postgres.stop()


@pytest.fixture
def new_database(server: Server) -> Iterator[NewDatabase]:
    """`new_database(("assistant", "assistant"), ...)`: URL of a fresh database, migrated for the
    given (package, schema) pairs; dropped after the test."""
    names: list[str] = []

    def create(*schemas: tuple[str, str]) -> str:
        name = f"test_{os.getpid()}_{next(numbers)}"
        execute(server.url, f"create database {name}")
        names.append(name)
        url = sa.engine.make_url(driver_url(server.url)).set(database=name)
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        for package, schema in schemas:
            upgrade(plain, package, schema)
        return plain

    yield create
    for name in names:
        execute(server.url, f"drop database if exists {name} with (force)")


def execute(url: str, statement: str) -> None:
    """Outside of a transaction."""
    engine = sa.create_engine(driver_url(url), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
