"""Where this run's broker and database run: in containers, or from the local stack.

CONSERJE_TESTS_ON=containers or =local leaves no choice.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.containers import image_of, lacking


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
    if missing := lacking(image):
        if wish == "containers":
            pytest.fail(f"CONSERJE_TESTS_ON=containers, but {missing}", pytrace=False)
        return None
    return image
