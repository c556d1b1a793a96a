"""Alone a webhook waits for nobody; in a crowd those that come together go on together."""

import asyncio

from ingress.gather import CROWD, Gather


async def test_alone_it_goes_on_at_once() -> None:
    gather = Gather()
    waiting = asyncio.ensure_future(gather.wait(CROWD - 1))
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_crowd_goes_on_together_and_in_order() -> None:
    gather, order = Gather(), list[int]()

    async def come(number: int, busy: int) -> None:
        await gather.wait(busy)
        order.append(number)

    first = asyncio.ensure_future(come(0, CROWD))
    await asyncio.sleep(0)
    # The crowd has ended by now, yet who came before is not overtaken.
    second = asyncio.ensure_future(come(1, 0))
    await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    await asyncio.gather(first, second)
    assert order == [0, 1]


async def test_one_that_leaves_takes_nobody_with_it() -> None:
    gather = Gather()
    leaving, staying = (asyncio.ensure_future(gather.wait(CROWD)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await staying
    assert leaving.cancelled()
