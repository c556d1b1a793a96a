"""A tenant-admin on a database of its own."""

from collections.abc import AsyncIterator

import pytest
from tests.support.kafka import Broker
from tests.support.postgres import NewDatabase
from tests.support.tenant_admin import Admin, running


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(("tenant_admin", "admin"))


@pytest.fixture
async def admin(url: str, kafka: Broker) -> AsyncIterator[Admin]:
    async with running(url, kafka.settings) as started:
        yield started
