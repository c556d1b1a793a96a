"""One supervised child process: its lives, its output, its end."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devkit.stack.child_lines import Lines
from devkit.stack.server_process import dies_with_parent, kill_group

FIRST_DELAY = 0.2  # seconds
LONGEST_DELAY = 5.0
STEADY_AFTER = 10.0  # a life this long makes the next failure a first one again
LAST_OUTPUT = 1.0  # how long to wait for output that was still in the pipe at the end


@dataclass(frozen=True, slots=True)
class Child:
    """What to run. `env` is its whole environment. `restart`: start it again whenever it ends."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str]
    restart: bool = True


def next_delay(previous: float | None, lived: float) -> float:
    """Seconds to wait before the next start: 0.2, doubling to 5; 0.2 again after a steady life."""
    if previous is None or lived >= STEADY_AFTER:
        return FIRST_DELAY
    return min(previous * 2, LONGEST_DELAY)


class SupervisedChild:
    """Runs a Child until told to end, or until it ends by itself and must not be restarted."""

    def __init__(self, child: Child, lines: Lines) -> None:
        self.child = child
        self.lines = lines
        self.restarts = 0
        self.started_at = 0.0  # monotonic seconds, of the present life
        self.lives: asyncio.Task[int]
        self._ending = asyncio.Event()
        self._process: asyncio.subprocess.Process
        self._output: asyncio.Task[None]

    @property
    def pid(self) -> int:
        """Of the present life, or of the last one while it waits for the next."""
        return self._process.pid

    async def start(self) -> None:
        """Raises OSError when the program cannot be run."""
        await self._spawn()
        self.lives = asyncio.create_task(self._live(), name=f"child:{self.child.name}")

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def ask_to_end(self) -> None:
        """SIGTERM, and no further life."""
        self._ending.set()
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to it and all its own children, and no further life."""
        self._ending.set()
        if not self.lives.done():
            kill_group(self.pid)

    async def _live(self) -> int:
        delay = None
        while True:
            code = await self._one_life()
            if self._ending.is_set() or not self.child.restart:
                return code
            delay = next_delay(delay, time.monotonic() - self.started_at)
            self.lines.say(f"ended with {code}, starting again in {delay:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), delay)
                return code
            await self._spawn()
            self.restarts += 1
            if self._ending.is_set():  # told to end while the program was being loaded
                kill_group(self.pid)

    async def _one_life(self) -> int:
        code = await self._process.wait()
        kill_group(self.pid)  # what it left behind would also hold our end of the pipe open
        await asyncio.wait([self._output], timeout=LAST_OUTPUT)
        self._output.cancel()
        return code

    async def _spawn(self) -> None:
        # A pipe of our own: with asyncio's, wait() also waits for whoever inherited the pipe.
        reading, writing = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.child.argv,
                env=self.child.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self.started_at = time.monotonic()
        self._output = asyncio.create_task(self._print(reading))

    async def _print(self, reading: int) -> None:
        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", 0)
        )
        try:
            while chunk := await stream.read(1 << 16):
                self.lines.feed(chunk)
            self.lines.feed(b"")
        finally:
            transport.close()
