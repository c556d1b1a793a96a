"""Processes of the sample service: started, killed, frozen and drained by tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import DRAIN_SECONDS

ROOT = Path(__file__).parents[2]


@dataclass
class SampleProcesses:
    """`logs` is a folder; each process writes a file of its own there."""

    bootstrap: str
    url: str
    logs: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        number = len(self.processes)
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "DATABASE_URL": self.url,
            "HEALTH_PORT": "0",
            **self.settings,
        }
        with (self.logs / f"process-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.sample_service"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def log(self, number: int) -> str:
        return (self.logs / f"process-{number}.log").read_text()


@contextmanager
def sample_processes(
    bootstrap: str, url: str, logs: Path, **settings: str
) -> Iterator[SampleProcesses]:
    """Whatever still runs at the end of the block is killed."""
    running = SampleProcesses(bootstrap, url, logs, settings)
    try:
        yield running
    finally:
        for process in running.processes:
            process.kill()
            process.wait()


def drain(process: "subprocess.Popen[bytes]", seconds: float = DRAIN_SECONDS) -> int:
    """SIGTERM; the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)
