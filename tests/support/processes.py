"""Services and other programs as they run: each a process of its own, with a log."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.support.waiting import eventually

from common.service.settings import KafkaSettings
from devkit.stack.ports import free_ports

Process = subprocess.Popen[bytes]
ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0  # 2 to 5 on an idle machine
DRAIN_SECONDS = 60.0


@dataclass
class ServiceProcess:
    process: Process
    health_port: int
    log: Path

    def answers(self, path: str) -> bool:
        """/live, /ready: whether it says 200."""
        try:
            with urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def is_ready(self) -> bool:
        return self.answers("/ready")

    def wait_until_ready(self) -> None:
        """Fails with the end of its log when the process ends instead."""
        eventually(self._is_ready_or_ended, f"{self.log.name} to be ready", START_SECONDS)
        assert self.process.poll() is None, self.log.read_text()[-2000:]

    def _is_ready_or_ended(self) -> bool:
        return self.process.poll() is not None or self.is_ready()

    def kill(self) -> None:
        kill(self.process)

    def drain(self) -> int:
        """SIGTERM; the exit code."""
        return drain(self.process)


@contextmanager
def running_service(
    package: str, kafka: KafkaSettings, logs: Path, **settings: str
) -> Iterator[ServiceProcess]:
    """Started, not yet ready; killed at the end of the block if it still runs."""
    (port,) = free_ports(1)
    log = logs / f"{package}-{port}.log"
    environment = {**kafka.kafka_environment(), "HEALTH_PORT": str(port), **settings}
    process = start_module(f"{package}.main", environment, log)
    service = ServiceProcess(process, port, log)
    try:
        yield service
    finally:
        service.kill()


def start_module(module: str, environment: dict[str, str], log: Path) -> Process:
    """`python -m <module>` with nothing of our environment; what it prints goes behind the log."""
    command = [sys.executable, "-m", module]
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), **environment}
    with log.open("ab") as out:
        return subprocess.Popen(command, env=variables, cwd=log.parent, stdout=out, stderr=out)


def kill(process: Process) -> None:
    process.kill()
    process.wait()


def drain(process: Process) -> int:
    """SIGTERM; the exit code."""
    process.terminate()
    return process.wait(DRAIN_SECONDS)


def is_alive(pid: int) -> bool:
    """False for a process that is gone or only waits to be reaped."""
    show = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(show, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")
