"""Processes of the pipeline service: started, killed, frozen and drained by tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Members:
    """`logs` is a folder; each member writes a file of its own there."""

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
        with (self.logs / f"member-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.pipeline"],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def said(self, number: int) -> str:
        return (self.logs / f"member-{number}.log").read_text()


@contextmanager
def members(bootstrap: str, url: str, logs: Path, **settings: str) -> Iterator[Members]:
    """Whatever still runs at the end of the block is killed."""
    all_of_them = Members(bootstrap, url, logs, settings)
    try:
        yield all_of_them
    finally:
        for process in all_of_them.processes:
            process.kill()
            process.wait()


def drain(process: "subprocess.Popen[bytes]", seconds: float = 20) -> int:
    """SIGTERM; the exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)
