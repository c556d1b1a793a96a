"""Threads for blocking calls, of which the one that ended last gets the next call.

ThreadPoolExecutor wakes the thread that has waited longest, so that a trickle of calls goes round
all threads: each is cold, and so is its connection and the database's process behind it.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Call(NamedTuple):
    future: "Future[Any]"
    function: Callable[[], Any]


class LastUsedFirst(Executor):
    """At most `threads` threads, each started when it is first needed."""

    def __init__(self, threads: int, name: str) -> None:
        self._free = threads
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._idle: list[SimpleQueue[Call | None]] = []
        self._threads: list[threading.Thread] = []
        self._closed = False

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Raises RuntimeError after the shutdown."""
        call = Call(Future(), lambda: function(*args, **kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError("these threads were shut down")
            if self._idle:
                self._idle.pop().put(call)
            elif self._free:
                self._free -= 1
                self._start(call)
            else:
                self._waiting.append(call)
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What waits is still called, unless it is to be cancelled."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                for call in self._waiting:
                    call.future.cancel()
                self._waiting.clear()
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()
        if wait:
            for thread in self._threads:
                thread.join()

    def _start(self, call: Call) -> None:
        inbox: SimpleQueue[Call | None] = SimpleQueue()
        inbox.put(call)
        thread = threading.Thread(
            target=self._run, args=(inbox,), name=f"{self._name}-{self._free}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _run(self, inbox: "SimpleQueue[Call | None]") -> None:
        """Idle before its caller hears of it: the next call, however soon, is for this thread."""
        call = inbox.get()
        while call:
            report = perform(call)
            waiting = self._next(inbox)
            report()
            call = waiting or inbox.get()

    def _next(self, inbox: "SimpleQueue[Call | None]") -> Call | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                inbox.put(None)
            else:
                self._idle.append(inbox)
            return None


def perform(call: Call) -> Callable[[], None]:
    """Returns what tells the caller."""
    if not call.future.set_running_or_notify_cancel():
        return lambda: None
    try:
        return partial(call.future.set_result, call.function())
    except BaseException as error:  # noqa: BLE001 - it is the caller's
        return partial(call.future.set_exception, error)
