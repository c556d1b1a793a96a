"""Points of a message's way at which a service ends as by `kill -9`: for fault tests alone.

`CRASH_AT=work.handled` ends it when that point is reached, `CRASH_AT=work.handled:3` the third
time. A random kill finds the steps that take long; these find the short ones between them.
"""

import os
import signal
from collections.abc import Callable
from typing import Literal, get_args

CrashPoint = Literal[
    "webhook.verified",  # ingress: nothing is produced yet
    "webhook.stored",  # ingress: the broker has it, Meta has no 200
    "webhook.routed",  # router: nothing is produced yet
    "webhook.delivered",  # router: its records are produced, its offset is not committed
    "consumer.stored",  # a batch is in the database, its offsets are not committed
    "work.claimed",  # a row is claimed, nothing was done for it
    "work.handled",  # the model has answered, Graph has the message: it is not stored
    "outbox.stored",  # a result is stored, its events are not produced
    "outbox.published",  # events are produced, their rows are still there
    "change.recorded",  # tenant-admin: all rows of a change are written, not committed
]
NAMES: tuple[str, ...] = get_args(CrashPoint)


class CrashPoints:
    """`crash_at`: see Settings; None for no crash."""

    def __init__(
        self, crash_at: str | None = None, crash: Callable[[], None] | None = None
    ) -> None:
        name, _, times = (crash_at or "").partition(":")
        self._name, self._left = name, int(times or 1)
        self._crash = crash or kill_this_process

    def reached(self, point: CrashPoint) -> None:
        """From any thread."""
        if point == self._name:
            self._left -= 1
            if self._left == 0:
                self._crash()


def check_crash_at(crash_at: str) -> str:
    """Raises ValueError for what is no point, or no number after the colon."""
    name, colon, times = crash_at.partition(":")
    if name not in NAMES or (colon and not (times.isdecimal() and int(times) > 0)):
        raise ValueError(f"is POINT or POINT:TIMES, POINT one of {', '.join(NAMES)}")
    return crash_at


def kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
