"""The supervisor: runs the services as child processes, keeps them up, leaves none behind."""

import asyncio
import contextlib
import signal
import sys
from typing import Self, TextIO

import aiohttp

from devkit.stack.child import Child, SupervisedChild
from devkit.stack.child_lines import Lines, colours, prefix
from devkit.stack.server_process import CannotStart
from devkit.stack.settings import wants_colour

GRACE = 10.0  # seconds between SIGTERM and SIGKILL
TURN = 1.0  # how long one child's end holds up the SIGTERM of the next
POLL = 0.1


class Supervisor:
    """Use it as `async with Supervisor() as children:` in the main thread.

    Leaving the block ends every child. SIGTERM and SIGHUP cancel the task that entered it, as
    asyncio.run does for Ctrl-C; `signalled` then says which. A SIGINT that the shell told us to
    ignore (`make demo &` in a script), which asyncio.run leaves ignored, counts as one of them.
    Children also die when we are killed: none survives us.
    """

    def __init__(
        self, out: TextIO = sys.stdout, *, colour: bool | None = None, grace: float = GRACE
    ) -> None:
        self.signalled: signal.Signals | None = None
        self._out = out
        self._colours = colours(wants_colour(out) if colour is None else colour)
        self._grace = grace
        self._children: dict[str, SupervisedChild] = {}
        self._handled: list[signal.Signals] = []

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        self._handled = ending_signals()
        for number in self._handled:
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number, task)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
        finally:
            for number in self._handled:
                asyncio.get_running_loop().remove_signal_handler(number)

    async def start(self, child: Child) -> None:
        """Starts it; a child of the same name must have ended. Raises OSError: cannot be run."""
        before = self._children.get(child.name)
        if before and not before.lives.done():
            raise ValueError(f"{child.name} is running")
        lines = Lines(self._out, prefix(child.name, next(self._colours)))
        supervised = SupervisedChild(child, lines)
        await supervised.start()
        self._children.pop(child.name, None)  # the newest stands last: stop() goes backwards
        self._children[child.name] = supervised

    async def wait_ready(self, name: str, url: str, deadline: float) -> None:
        """Returns when GET `url` answers 200.

        Raises CannotStart, with the child's last lines, when it has ended for good or when
        `deadline` seconds have passed.
        """
        child = self._children[name]
        timeout = aiohttp.ClientTimeout(total=2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline), aiohttp.ClientSession(timeout=timeout) as http:
                while not child.lives.done():
                    if await answers_ok(http, url):
                        return
                    await asyncio.sleep(POLL)
        output = "\n".join(child.lines.recent)
        raise CannotStart(f"{name} is not ready at {url}; it said:\n{output}")

    async def wait(self, name: str) -> int:
        """The exit code of a child that ends by itself (below 0: minus the signal's number)."""
        return await asyncio.shield(self._children[name].lives)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal; a child that ends by it is restarted if its policy says so."""
        self._children[name].signal(number)

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def restarts(self, name: str) -> int:
        return self._children[name].restarts

    def started_at(self, name: str) -> float:
        """time.monotonic() at the start of the present life."""
        return self._children[name].started_at

    async def stop(self, *names: str) -> None:
        """Ends the named children, or all, for good.

        SIGTERM in reverse order of start, each when the one before has ended or has taken 1 s;
        SIGKILL to those that are still there after the grace.
        """
        running = self._children.items()
        chosen = [child for name, child in running if not names or name in names]
        try:
            for child in reversed(chosen):
                child.ask_to_end()
                await asyncio.wait([child.lives], timeout=min(TURN, self._grace))
            await self._ended(chosen, timeout=self._grace)
        finally:
            for child in chosen:
                child.kill()
        await self._ended(chosen)

    async def _ended(self, chosen: list[SupervisedChild], timeout: float | None = None) -> None:
        if chosen:
            await asyncio.wait([child.lives for child in chosen], timeout=timeout)

    def _on_signal(self, number: signal.Signals, task: asyncio.Task[None] | None) -> None:
        self.signalled = number
        if task:
            task.cancel()


def ending_signals() -> list[signal.Signals]:
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGHUP, *([signal.SIGINT] if ignored else [])]


async def answers_ok(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
