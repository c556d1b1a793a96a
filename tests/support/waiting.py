"""Waiting for a condition: returns its first true value, fails naming what was awaited.

A wait ends as soon as its condition holds: the limit is for a machine that is very busy.
"""

import asyncio
import subprocess
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS = 60.0
PAUSE = 0.02  # between two looks
SOMETHING = "the condition"  # the failing line says which


class Deadline:
    def __init__(self, what: str = SOMETHING, seconds: float = SECONDS) -> None:
        self._what = what
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """AssertionError once the time is up."""
        assert time.monotonic() < self._end, f"waited {self._seconds} s for {self._what}"


def eventually(
    condition: Callable[[], T],
    what: str = SOMETHING,
    seconds: float = SECONDS,
    pause: float = PAUSE,
) -> T:
    deadline = Deadline(what, seconds)
    while not (value := condition()):
        deadline.check()
        time.sleep(pause)
    return value


async def eventually_async(
    condition: Callable[[], Any],
    what: str = SOMETHING,
    seconds: float = SECONDS,
    pause: float = PAUSE,
) -> Any:
    """`condition` may be a coroutine function. One that blocks goes through asyncio.to_thread."""
    deadline = Deadline(what, seconds)
    while not (value := await value_of(condition())):
        deadline.check()
        await asyncio.sleep(pause)
    return value


async def value_of(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer


async def until(condition: Callable[[], object], deadline: float = SECONDS) -> None:
    await eventually_async(condition, seconds=deadline)


def is_alive(pid: int) -> bool:
    """False for a process that is gone or only waits to be reaped."""
    show = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(show, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")
