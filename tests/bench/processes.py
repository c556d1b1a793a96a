"""CPU time and memory of the system's processes, from the operating system."""

from collections.abc import Mapping

import psutil

from devkit.stack.system import SERVICES, System


def pids(system: System) -> dict[str, int]:
    """Services, and the broker and database where they are ours."""
    numbers = {service: system.children.pid(service) for service in SERVICES}
    if system.kafka:
        numbers["kafka"] = system.kafka.process.pid
    if system.postgres:
        numbers["postgres"] = system.postgres.process.pid
    return numbers


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
