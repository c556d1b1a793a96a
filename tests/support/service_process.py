"""A service as it runs: `python -m <package>.main`, a process of its own with its health port."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from tests.support.parts import until

from devkit.stack.ports import free_ports


@dataclass
class Service:
    process: "subprocess.Popen[bytes]"
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
        until(self._ready_or_ended, f"{self.log.name} to be ready", 30)
        assert self.process.poll() is None, self.log.read_text()[-2000:]

    def _ready_or_ended(self) -> bool:
        return self.process.poll() is not None or self.is_ready()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def drain(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running(package: str, bootstrap: str, logs: Path, **settings: str) -> Iterator[Service]:
    """Started, not yet ready; killed at the end of the block if it still runs."""
    (port,) = free_ports(1)
    log = logs / f"{package}-{port}.log"
    environment = {
        "PATH": os.defpath,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "HEALTH_PORT": str(port),
        **settings,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{package}.main"],
            env=environment,
            cwd=logs,
            stdout=out,
            stderr=out,
        )
    service = Service(process, port, log)
    try:
        yield service
    finally:
        service.kill()
