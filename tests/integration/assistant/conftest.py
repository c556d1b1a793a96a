"""The assistant with one client, for tests that need no other."""

from collections.abc import AsyncIterator

import pytest
from tests.support.assistant import RunningAssistant, running_assistant
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase


@pytest.fixture
async def assistant(kafka: Broker, new_database: NewDatabase) -> AsyncIterator[RunningAssistant]:
    url = new_database(("assistant", "assistant"))
    async with running_assistant(url, kafka.settings) as running:
        yield running
