"""One system for all journeys; it ends when the last one has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.system import RunningSystem, running_system


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def system(pytestconfig: pytest.Config) -> AsyncIterator[RunningSystem]:
    async with running_system(pytestconfig) as system:
        yield system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="keep the screenshots in this folder")


@pytest.fixture
def screenshots(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The option is known only where this folder is named on the command line."""
    folder: Path = request.config.getoption("--screenshots", None) or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder
