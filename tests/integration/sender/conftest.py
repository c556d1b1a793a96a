"""A sender with one client, and the Graph API it calls."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.fake_graph import FakeGraph, fake_graph
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.sender import RunningSender, a_tenant, running_sender


@pytest.fixture
async def graph() -> AsyncIterator[FakeGraph]:
    async with fake_graph() as server:
        yield server


@pytest.fixture
async def sender(
    kafka: Broker, new_database: NewDatabase, graph: FakeGraph, tmp_path: Path
) -> AsyncIterator[RunningSender]:
    url = new_database(("sender", "sender"))
    async with running_sender(kafka.settings, url, graph.url, tmp_path) as running:
        await running.add_tenant(a_tenant())
        yield running
