"""Processes of the sample service: started, killed, frozen and drained by tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import Process, kill, start_module

from common.service.settings import KafkaSettings


@dataclass
class SampleProcesses:
    """`logs` is a folder; each process writes a file of its own there."""

    kafka: KafkaSettings
    url: str
    logs: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)

    def start(self) -> Process:
        number = len(self.processes)
        environment = {
            **self.kafka.kafka_environment(),
            "DATABASE_URL": self.url,
            "HEALTH_PORT": "0",
            **self.settings,
        }
        log = self.logs / f"process-{number}.log"
        process = start_module("tests.support.sample_service", environment, log)
        self.processes.append(process)
        return process

    def log(self, number: int) -> str:
        return (self.logs / f"process-{number}.log").read_text()


@contextmanager
def sample_processes(
    kafka: KafkaSettings, url: str, logs: Path, **settings: str
) -> Iterator[SampleProcesses]:
    """Whatever still runs at the end of the block is killed."""
    running = SampleProcesses(kafka, url, logs, settings)
    try:
        yield running
    finally:
        for process in running.processes:
            kill(process)
