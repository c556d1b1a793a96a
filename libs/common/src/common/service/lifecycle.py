"""The life of a service process: components start in order and drain in reverse on SIGTERM.

Each has a limit to stop in, so that one that hangs keeps neither the others from draining nor the
process from its end.
"""

import asyncio
import faulthandler
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog
import uvloop

from common.service import logging as logs
from common.service import metrics
from common.service.cancellation import (
    CancelledInside,
    is_asked_to_end,
    unless_cancelled_inside,
)
from common.service.crash_points import CrashPoints
from common.service.hang_watch import HangWatch
from common.service.health import Health, HealthServer
from common.service.settings import ServiceSettings, load

log = structlog.get_logger()
BEAT_SECONDS = 1.0
STOP_SECONDS = 15.0
EXIT_SECONDS = 5.0  # from the last stop to the end of the process, whatever thread still hangs


class Component(Protocol):
    """Something with a life: a producer, a consumer, a runner, an HTTP server."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Finish what is running, take nothing new. Called once if start was, even if it failed."""


@dataclass(frozen=True, slots=True)
class StopTogether:
    """Components that need nothing of each other to stop: started in order, stopped at once.

    seconds: how long each of them may take.
    """

    components: Sequence[Component]
    seconds: float = STOP_SECONDS


Components = Sequence[Component | StopTogether]


class Lifecycle:
    """Given to the components, so that a fatal error anywhere drains and ends the process."""

    def __init__(self, service: str, crash_points: CrashPoints | None = None) -> None:
        self.service = service
        self.crash_points = crash_points or CrashPoints()
        self.health = Health()
        self.loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._started: list[tuple[list[Component], float]] = []  # with the seconds to stop in
        self._serving = False
        self._failed = False
        self.health.expect("started", lambda: self._serving)

    def end(self) -> None:
        self._ended.set()

    def fatal(self, reason: str) -> None:
        """Thread-safe: drain, then exit 1. The supervisor restarts; nothing was committed."""
        self._failed = True
        log.error("service_failed", reason=reason)
        self.loop.call_soon_threadsafe(self._ended.set)

    def end_with(self, task: "asyncio.Task[None]", reason: str) -> None:
        """The process ends when this task ends by an error: nothing else would notice."""

        def check(ended: "asyncio.Task[None]") -> None:
            error = error_of(ended)
            if error:
                log.error(reason, exc_info=error)
                self.fatal(reason)

        task.add_done_callback(check)

    async def run(self, components: Components) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self.end)
        ended = asyncio.create_task(self._ended.wait())
        starting = asyncio.create_task(self._start(components))
        await asyncio.wait({ended, starting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and not self._ended.is_set():
            await self._serve(starting)
        starting.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await starting
        ended.cancel()
        await self._stop()
        return int(self._failed)

    async def _serve(self, starting: "asyncio.Task[None]") -> None:
        if error := starting.exception():
            log.error("start_failed", exc_info=error)
            self._failed = True
            return
        self._serving = True
        freeze_garbage_collector()
        log.info("service_ready")
        while not self._ended.is_set():
            self.health.beat("loop")
            due = self.loop.time() + BEAT_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), BEAT_SECONDS)
            metrics.LOOP_LAG.observe(max(0.0, self.loop.time() - due))

    async def _start(self, components: Components) -> None:
        for one in components:
            group = one if isinstance(one, StopTogether) else StopTogether([one])
            started: list[Component] = []
            self._started.append((started, group.seconds))
            for component in group.components:
                started.append(component)
                await unless_cancelled_inside(component.start())

    async def _stop(self) -> None:
        self._serving = False
        log.info("service_draining")
        for started, seconds in reversed(self._started):
            await asyncio.gather(*(self._stop_one(component, seconds) for component in started))

    async def _stop_one(self, component: Component, seconds: float) -> None:
        name = type(component).__name__
        try:
            await unless_cancelled_inside(asyncio.wait_for(component.stop(), seconds))
        except TimeoutError:
            log.error("stop_timeout", component=name)
            self._failed = True
        except Exception as error:
            log.error("stop_failed", component=name, exc_info=error)
            self._failed = True


def error_of(ended: "asyncio.Task[None]") -> BaseException | None:
    """None also for a task that ended because it was cancelled."""
    if not ended.cancelled():
        return ended.exception()
    return None if is_asked_to_end(ended) else CancelledInside()


def freeze_garbage_collector() -> None:
    """What was built at the start lives as long as the process: the garbage collector need not look
    at it again, nor run after every few hundred short-lived objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[S, Lifecycle], Components]


def run(service: str, settings_class: type[S], build: Build[S]) -> None:
    """A service's whole main(). Exit codes: 0 drained, 1 failed, 2 wrong settings."""
    settings = load(settings_class)
    logs.configure(service, settings.log_level, settings.log_format)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # also for Faust's consumer thread
    sys.exit(asyncio.run(run_components(service, settings, build)))


async def run_components(service: str, settings: S, build: Build[S]) -> int:
    life = Lifecycle(service, CrashPoints(settings.crash_at))
    server = HealthServer(life.health, settings.listen_host, settings.health_port)
    watch = HangWatch(life.health)
    code = await life.run([server, *build(settings, life), watch])
    # Python would wait without end for a thread that hangs.
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)
    return code
