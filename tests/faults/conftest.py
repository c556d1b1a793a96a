"""Each module breaks a system of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.system import World
from tests.support.system import world as new_world


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(pytestconfig: pytest.Config) -> AsyncIterator[World]:
    async with new_world(pytestconfig) as system:
        yield system
