"""A cancellation that nobody asked for: of a future inside a library that has stopped, say.

As a CancelledError it would end whatever waits for it without a word: `except Exception` lets it
pass, and a task that ends by it counts as ended in order.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class CancelledInside(Exception):
    """What was awaited has been cancelled, and the one who awaits it has not."""


async def unless_cancelled_inside(awaitable: Awaitable[T]) -> T:
    """Raises CancelledInside in place of a CancelledError that this task was not asked for."""
    try:
        return await awaitable
    except asyncio.CancelledError as error:
        if is_asked_to_end(asyncio.current_task()):
            raise
        raise CancelledInside from error


def is_asked_to_end(task: "asyncio.Task[None] | None") -> bool:
    return task is not None and task.cancelling() > 0
