"""Cuts database connections that outlive their deadline.

psycopg2 has no read timeout of its own: a frozen host would hold its thread without end. One timer
watches all transactions, because waking the loop twice per transaction cost more than many of them.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from common.postgres.errors import DeadlineExceeded

CHECK_EVERY = 0.25
OVER = (0.0, None)


class Deadlines:
    """`watch` may be used from any thread; the timer runs on the loop between start and stop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[object, tuple[float, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = self._loop.call_later(CHECK_EVERY, self._check)

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    @contextmanager
    def watch(self, raw: Any, seconds: float) -> Iterator[None]:
        """`raw`, a psycopg2 connection, is cut when the block lasts longer than `seconds`; what
        the block raises then is DeadlineExceeded."""
        key = object()
        self._watched[key] = (self._loop.time() + seconds, raw)
        try:
            yield
        except Exception as error:
            if key not in self._watched:
                raise DeadlineExceeded(f"more than {seconds} s") from error
            raise
        finally:
            self._watched.pop(key, None)

    def _check(self) -> None:
        now = self._loop.time()
        for key, (deadline, raw) in self._watched.copy().items():
            if now > deadline and self._watched.pop(key, OVER) is not OVER:
                cut(raw)
        self.start()


def cut(raw: Any) -> None:
    """Shuts the socket of a psycopg2 connection; its blocked call raises OperationalError."""
    with suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
