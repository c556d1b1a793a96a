"""Waiting for conditions with a deadline, and looking at processes."""

import asyncio
import subprocess
from collections.abc import Callable


async def until(condition: Callable[[], object], deadline: float = 10.0) -> None:
    """Returns when `condition()` is true; TimeoutError after `deadline` seconds."""
    async with asyncio.timeout(deadline):
        while not condition():
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """False for a process that is gone or only waits to be reaped."""
    show = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(show, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")
