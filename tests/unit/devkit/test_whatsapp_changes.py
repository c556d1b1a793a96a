"""The feed: a watcher misses nothing, and knows when it did."""

import asyncio

import pytest
from tests.support.whatsapp_emulator import BAKERY, GARAGE

from devkit.emulators.whatsapp.changes import KEPT, Change, ChangeLog


def drained(queue: asyncio.Queue[tuple[int, Change | None]]) -> list[tuple[int, Change | None]]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_a_watcher_goes_on_where_it_was() -> None:
    feed = ChangeLog(start=100)
    feed.publish(BAKERY)
    feed.publish(GARAGE)
    with feed.subscription(since=101) as queue:
        feed.publish(BAKERY)
        assert drained(queue) == [(102, GARAGE), (103, BAKERY)]


def test_a_watcher_that_is_up_to_date_gets_nothing() -> None:
    with ChangeLog(start=100).subscription(since=100) as queue:
        assert queue.empty()


@pytest.mark.parametrize("since", [0, 99, 5000])
def test_a_watcher_that_missed_something_is_told_first(since: int) -> None:
    feed = ChangeLog(start=100)
    for _ in range(KEPT + 10):
        feed.publish(BAKERY)
    with feed.subscription(since) as queue:
        assert drained(queue)[0][1] is None
