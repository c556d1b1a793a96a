"""Waiting for a condition: returns its first true value, fails naming what was awaited.

A wait ends as soon as its condition holds: the limit is for a machine that is very busy.
"""

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, Literal, TypeVar

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
    condition: Callable[[], T | Literal[False] | None],
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
    """The condition is asked in the loop, and may be a coroutine function."""
    deadline = Deadline(what, seconds)
    while not (value := await value_of(condition())):
        deadline.check()
        await asyncio.sleep(pause)
    return value


async def value_of(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer


async def eventually_in_thread(
    condition: Callable[[], T | Literal[False] | None],
    what: str = SOMETHING,
    seconds: float = SECONDS,
) -> T:
    """For a condition that blocks, in a test that is async."""
    return await asyncio.to_thread(eventually, condition, what, seconds)
