"""A process whose loops stand still ends by itself, and says where they stood."""

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, threading, time
from common.service.hang_watch import HangWatch
from common.service.health import Health

now = [0.0]

async def serve():
    health = Health(lambda: now[0])
    health.beat("deliveries")
    watch = HangWatch(health, seconds=1.0)
    await watch.start()
    await asyncio.sleep(0.1)
    {what}
    await watch.stop()

asyncio.run(serve())
"""


def run(what: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM.replace("{what}", what)]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "what",
    ["threading.Lock().acquire() and time.sleep(50)", "now[0] = 31.0; await asyncio.sleep(50)"],
    ids=["the process's loop", "one of its loops"],
)
def test_loops_that_stand_still_end_the_process_with_every_stack(what: str) -> None:
    ended = run(what)
    assert ended.returncode == 1
    assert "Thread" in ended.stderr
    assert "in serve" in ended.stderr or "loops_stalled" in ended.stdout


def test_loops_that_move_go_on_and_nothing_is_left_that_would_end_the_process() -> None:
    moving = "for _ in range(30): health.beat('deliveries'); await asyncio.sleep(0.1)"
    assert run(moving + "\n    await watch.stop(); time.sleep(2)").returncode == 0
