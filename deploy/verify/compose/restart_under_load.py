"""Restarts each service once, as an operator does, while load runs through the installation."""

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.verify.compose.docker_compose import Compose

from devkit.check_result import Failed
from devkit.stack import Announce

HEALTHY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class RestartsUnderLoad:
    """ledger: what the load run reported. covered: the load outlasted the last restart."""

    restarted: tuple[str, ...]
    covered: bool
    ledger: dict[str, Any]

    @property
    def ok(self) -> bool:
        return bool(self.covered and self.ledger["ok"])


def restart_under_load(
    compose: Compose, services: Sequence[str], load: Sequence[str], announce: Announce
) -> RestartsUnderLoad:
    """load: the words that start it. Raises Failed."""
    running = compose.start(*load)
    try:
        for service in services:
            announce(f"under load: restarting {service}")
            compose.run("restart", service)
            wait_healthy(compose, service)
        covered = running.poll() is None
        announce("waiting for the end of the load")
        output, errors = running.communicate(timeout=600)
    finally:
        running.kill()
    return RestartsUnderLoad(tuple(services), covered, last_json(output or errors))


def wait_healthy(compose: Compose, service: str, seconds: float = HEALTHY_SECONDS) -> None:
    """Every container of the service says that it is ready."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(
            health(compose, container) == "healthy" for container in compose.containers(service)
        ):
            return
        time.sleep(0.5)
    raise Failed(f"{service} is not healthy {seconds:.0f} s after its restart")


def health(compose: Compose, container: str) -> str:
    try:
        return compose.engine.run("inspect", "-f", "{{.State.Health.Status}}", container)
    except subprocess.CalledProcessError:  # gone meanwhile
        return "gone"


def last_json(output: str) -> dict[str, Any]:
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"no line of JSON in: {output[-1500:]}")
    return dict(json.loads(lines[-1]))
