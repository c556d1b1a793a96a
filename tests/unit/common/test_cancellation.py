"""A cancellation that nobody asked for is an error of the one who waits, not its end."""

import asyncio

import pytest

from common.service.cancellation import CancelledInside, unless_cancelled_inside


async def give_up() -> None:
    """Like a library's future that was cancelled when the library stopped."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def test_what_is_cancelled_inside_is_an_error() -> None:
    with pytest.raises(CancelledInside):
        await unless_cancelled_inside(give_up())
    with pytest.raises(CancelledInside):
        await unless_cancelled_inside(asyncio.wait_for(give_up(), 60))


async def test_a_task_that_is_cancelled_is_cancelled() -> None:
    task = asyncio.ensure_future(unless_cancelled_inside(asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_around_it_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await unless_cancelled_inside(asyncio.Event().wait())


async def test_results_and_errors_pass() -> None:
    assert await unless_cancelled_inside(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ValueError, match="its own"):
        await unless_cancelled_inside(fail())


async def fail() -> None:
    raise ValueError("its own")
