"""The one background loop of the services: a call repeated until the process ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from common.service.cancellation import unless_cancelled_inside

STOP_SECONDS = 5.0  # the longest call, a database transaction, is cut after as long


class Periodic:
    """A Component: awaits `call()`, again `seconds` after its end, or after the seconds it returns.

    What it raises goes to `on_error`; the loop goes on. `stop` lets a running call end, and cancels
    it after `stop_seconds`.
    """

    def __init__(
        self,
        call: Callable[[], Awaitable[float | None]],
        seconds: float,
        on_error: Callable[[Exception], None],
        *,
        first_after: float = 0.0,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._call = call
        self._seconds = seconds
        self._on_error = on_error
        self._first_after = first_after
        self._stop_seconds = stop_seconds
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._stopping.set()
        if self._task:
            await asyncio.wait({self._task}, timeout=self._stop_seconds)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        await self._sleep(self._first_after)
        while not self._stopping.is_set():
            await self._sleep(await self._called())

    async def _called(self) -> float:
        try:
            seconds = await unless_cancelled_inside(self._call())
        except Exception as error:  # noqa: BLE001 - on_error logs it
            self._on_error(error)
            return self._seconds
        return self._seconds if seconds is None else seconds

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
