"""CPU time, context switches and memory of processes, from the operating system."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from devkit.stack.system import SERVICES, System

GONE = (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children had used: seconds of CPU, context switches by thread id.

    psutil's num_ctx_switches counts the main thread only.
    """

    cpu: float
    switches: Mapping[int, int]

    def switches_since(self, before: "Usage") -> int:
        """Those of threads that ended in between are lost: the system keeps no sum of them."""
        return sum(count - before.switches.get(id, 0) for id, count in self.switches.items())


def pids(system: System) -> dict[str, int]:
    """Services, and the broker and database where they are ours."""
    numbers = {service: system.children.pid(service) for service in SERVICES}
    if system.kafka:
        numbers["kafka"] = system.kafka.process.pid
    if system.postgres:
        numbers["postgres"] = system.postgres.process.pid
    return numbers


def usages(pids: Mapping[str, int]) -> dict[str, Usage]:
    return {name: Usage(cpu_seconds(pid), dict(switches(pid))) for name, pid in pids.items()}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all its children, ended ones included."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    ended = own.children_user + own.children_system
    running = 0.0
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        running += times.user + times.system
    return float(own.user + own.system + ended + running)


def switches(pid: int) -> Iterator[tuple[int, int]]:
    """(thread id, voluntary and involuntary switches) of a process and its children; Linux only."""
    process = psutil.Process(pid)
    for member in (process, *process.children(recursive=True)):
        with suppress(*GONE):
            for status in Path(f"/proc/{member.pid}/task").glob("*/status"):
                with suppress(*GONE):
                    yield int(status.parent.name), switches_in(status.read_text())


def switches_in(status: str) -> int:
    lines = (line for line in status.splitlines() if "voluntary_ctxt_switches:" in line)
    return sum(int(line.rsplit(maxsplit=1)[1]) for line in lines)


def snapshot(system: System) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in pids(system).items()}


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before}


def memory_mib(system: System) -> dict[str, float]:
    """Resident set sizes."""
    sizes = {}
    for name, pid in pids(system).items():
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        rss = max(process.memory_info().rss for process in family)
        total = rss if name == "postgres" else sum(member.memory_info().rss for member in family)
        sizes[name] = round(total / 2**20, 1)
    return sizes
