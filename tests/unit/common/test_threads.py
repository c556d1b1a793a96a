"""Calls in threads: the one that was used last is used first."""

import threading
from concurrent.futures import Future

import pytest

from common.postgres.threads import LastUsedFirst


def name() -> str:
    return threading.current_thread().name


@pytest.fixture
def threads() -> LastUsedFirst:
    return LastUsedFirst(3, "test")


def both(threads: LastUsedFirst, count: int) -> set[str]:
    """The names of the threads that run so many calls at once."""
    together = threading.Barrier(count)

    def call() -> str:
        together.wait(60)
        return name()

    running = [threads.submit(call) for _ in range(count)]
    return {future.result(60) for future in running}


def test_one_call_after_the_other_is_for_one_thread(threads: LastUsedFirst) -> None:
    assert len(both(threads, 3)) == 3
    assert len({threads.submit(name).result(60) for _ in range(20)}) == 1
    threads.shutdown()


def test_more_calls_than_threads_wait_in_order(threads: LastUsedFirst) -> None:
    gate, order = threading.Event(), list[int]()
    busy = [threads.submit(gate.wait, 60) for _ in range(3)]
    waiting = [threads.submit(order.append, number) for number in range(10)]
    assert not any(future.done() for future in waiting)
    busy_thread_is_free = busy[0]
    gate.set()
    assert busy_thread_is_free.result(60)
    for future in waiting:
        future.result(60)
    assert sorted(order) == list(range(10))
    threads.shutdown()


def test_what_a_call_raises_is_the_callers_and_the_thread_goes_on(threads: LastUsedFirst) -> None:
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(60)
    assert threads.submit(name).result(60).startswith("test-")
    threads.shutdown()


def test_a_shutdown_runs_what_waits_and_refuses_what_comes(threads: LastUsedFirst) -> None:
    gate = threading.Event()
    futures: list[Future[bool]] = [threads.submit(gate.wait, 60) for _ in range(5)]
    threads.shutdown(wait=False)
    gate.set()
    assert all(future.result(60) for future in futures)
    with pytest.raises(RuntimeError):
        threads.submit(name)
    threads.shutdown()


def test_a_call_that_was_cancelled_while_it_waited_is_not_made(threads: LastUsedFirst) -> None:
    gate, made = threading.Event(), list[int]()
    for _ in range(3):
        threads.submit(gate.wait, 60)
    late = threads.submit(made.append, 1)
    assert late.cancel()
    gate.set()
    threads.shutdown()
    assert made == []
