"""The health check of a container: exit code 0 only for a 200."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest_asyncio

from common.service import healthcheck
from common.service.health import Health, HealthServer


class Served:
    def __init__(self) -> None:
        self.ready = True
        health = Health()
        health.expect("told", lambda: self.ready)
        self.server = HealthServer(health, "127.0.0.1", 0)


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    await served.server.start()
    yield served
    await served.server.stop()


def asked(*words: str) -> int:
    """As the image runs it: without site-packages and without our environment."""
    command = [sys.executable, "-SE", str(healthcheck.__file__), *words]
    return subprocess.run(command, capture_output=True, check=False).returncode


async def test_ready_is_0_and_not_ready_is_1(served: Served) -> None:
    port = str(served.server.port)
    assert asked(port) == 0
    served.ready = False
    assert asked(port) == 1
    assert asked(port, "/live") == 0
    assert asked(port, "/nothing") == 1


async def test_nobody_there_is_1(served: Served) -> None:
    port = str(served.server.port)
    await served.server.stop()
    assert asked(port) == 1
