"""Each module breaks a system of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.system import RunningSystem, running_system


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(pytestconfig: pytest.Config) -> AsyncIterator[RunningSystem]:
    async with running_system(pytestconfig) as system:
        yield system
