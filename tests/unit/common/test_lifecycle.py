"""The life of a process: parts start in order, stop in reverse; codes say how it ended."""

import signal
import subprocess
import sys
from typing import IO

import pytest

SERVICE = """
import asyncio, os, threading
from common.service import lifecycle
from common.service.settings import ServiceSettings
from common.service.clock import SystemClock
PARTS = os.environ["PARTS"].split()
class Named:
    def __init__(self, name, life):
        self.name, self.life = name, life
    async def start(self):
        print("start", self.name, flush=True)
        if self.name == "broken":
            raise RuntimeError("CANARY")
        if self.name == "endless":
            await asyncio.Event().wait()
        if self.name == "fatal":
            await asyncio.to_thread(self.life.fatal, "found_out")
        if self.name == "cancelled":
            raise asyncio.CancelledError
        if self.name == "watched":
            self.task = asyncio.create_task(self.work_of_a_library())
            self.life.end_with(self.task, "ended_inside")
    async def work_of_a_library(self):
        raise asyncio.CancelledError
    async def stop(self):
        print("stop", self.name, flush=True)
        if self.name == "stubborn":
            raise RuntimeError("CANARY")
        if self.name == "given_up":
            raise asyncio.CancelledError
        if self.name == "hanging":
            await asyncio.to_thread(threading.Event().wait)
        if self.name == "first":
            await self.life.second_stops.wait()
        if self.name == "second":
            self.life.second_stops.set()
def build(_, life):
    life.second_stops = asyncio.Event()
    groups = [[Named(name, life) for name in names.split("+")] for names in PARTS]
    seconds = 1 if "b+hanging" in PARTS else 60
    return [lifecycle.StopTogether(group, seconds) if group[1:] else group[0] for group in groups]
lifecycle.run("tests", ServiceSettings, build)
"""
ENVIRONMENT = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "HEALTH_PORT": "0"}


def begun(*parts: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        env=ENVIRONMENT | {"PARTS": " ".join(parts)},
        stdout=subprocess.PIPE,
        text=True,
    )


def lived(*parts: str, ended_by: str = "", number: int = signal.SIGTERM) -> tuple[int, list[str]]:
    """(exit code, what starts and stops); signalled once a line holds `ended_by`."""
    process = begun(*parts)
    assert process.stdout
    try:
        said = list(_signalled(process, process.stdout, ended_by, number))
        code = process.wait(60)
    finally:
        process.kill()
    assert not any("CANARY" in line for line in said)
    return code, [line for line in said if line.startswith(("start ", "stop "))]


def _signalled(
    process: "subprocess.Popen[str]", out: IO[str], ended_by: str, number: int
) -> list[str]:
    said = []
    for line in out:
        said.append(line.strip())
        if ended_by and ended_by in line:
            process.send_signal(number)
    return said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_parts_in_reverse(number: int) -> None:
    code, said = lived("a", "b", ended_by="service_ready", number=number)
    assert (code, said) == (0, ["start a", "start b", "stop b", "stop a"])


def test_a_failed_start_stops_what_was_started_and_nothing_else() -> None:
    code, said = lived("a", "broken", "never")
    assert (code, said) == (1, ["start a", "start broken", "stop broken", "stop a"])


def test_a_fatal_finding_from_a_thread_drains_and_fails() -> None:
    code, said = lived("a", "fatal")
    assert (code, said) == (1, ["start a", "start fatal", "stop fatal", "stop a"])


def test_a_signal_during_a_start_that_waits_is_heard() -> None:
    code, said = lived("a", "endless", "never", ended_by="start endless")
    assert (code, said) == (0, ["start a", "start endless", "stop endless", "stop a"])


def test_a_part_that_cannot_stop_does_not_keep_the_others_from_it() -> None:
    code, said = lived("a", "stubborn", ended_by="service_ready")
    assert (code, said) == (1, ["start a", "start stubborn", "stop stubborn", "stop a"])


def test_a_cancellation_inside_a_part_fails_the_process_and_the_others_stop() -> None:
    """Of a client's future in its stop, of its start, of a task: not one that we asked for."""
    code, said = lived("a", "given_up", ended_by="service_ready")
    assert (code, said) == (1, ["start a", "start given_up", "stop given_up", "stop a"])
    code, said = lived("a", "cancelled", "never")
    assert (code, said) == (1, ["start a", "start cancelled", "stop cancelled", "stop a"])
    code, said = lived("a", "watched")
    assert (code, said) == (1, ["start a", "start watched", "stop watched", "stop a"])


def test_a_group_is_stopped_at_once() -> None:
    """`first` ends when `second` is stopped, which would come later in a sequence."""
    code, said = lived("a", "second+first", ended_by="service_ready")
    assert code == 0
    assert said[:3] == ["start a", "start second", "start first"]
    assert (set(said[3:5]), said[5:]) == ({"stop second", "stop first"}, ["stop a"])


def test_a_thread_that_hangs_keeps_neither_the_others_nor_the_process_from_its_end() -> None:
    code, said = lived("a", "b+hanging", ended_by="service_ready")
    assert (code, said[-1]) == (1, "stop a")
