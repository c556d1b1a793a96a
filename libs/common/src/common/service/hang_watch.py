"""Ends a process whose loops stand still: only Kubernetes acts on a failed /live."""

import faulthandler

import structlog

from common.service.health import Health
from common.service.periodic import Periodic

log = structlog.get_logger()
END_SECONDS = 60.0  # longer than a starved machine holds a loop up
CHECKS = 4  # in these seconds


class HangWatch:
    """A Component, the last to start. Once /live fails, or no loop of this process runs at all, the
    process ends with 1 within `seconds`, after every thread's stack on stderr.

    The interpreter's own thread waits for it: it needs neither a loop nor Python's lock.
    """

    def __init__(self, health: Health, seconds: float = END_SECONDS) -> None:
        self._health = health
        self._seconds = seconds
        self._checks = Periodic(self._check, seconds / CHECKS, report_failed_check)

    async def start(self) -> None:
        await self._checks.start()

    async def stop(self) -> None:
        await self._checks.stop()
        faulthandler.cancel_dump_traceback_later()

    async def _check(self) -> None:
        stalled = self._health.stalled()
        if stalled:
            log.error("loops_stalled", loops=stalled)
        else:
            faulthandler.dump_traceback_later(self._seconds, exit=True)


def report_failed_check(error: Exception) -> None:
    log.error("hang_check_failed", exc_info=error)
