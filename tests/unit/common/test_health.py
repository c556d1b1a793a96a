"""Live: the loops moved. Ready: every check holds."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import httpx
import pytest
from tests.support.waiting import eventually_async

from common.service.health import MOST_REQUESTS, STALLED_AFTER, Health, HealthServer


class Hand:
    """A clock moved by hand, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def health(hand: Hand) -> Health:
    return Health(hand)


@pytest.fixture
async def url(health: Health) -> AsyncIterator[str]:
    server = HealthServer(health, "127.0.0.1", 0)
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.stop()


async def ask(url: str) -> tuple[int, object]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    return answer.status_code, answer.json()


async def test_live_until_a_loop_stops_moving(health: Health, hand: Hand, url: str) -> None:
    health.beat("loop")
    hand.now = STALLED_AFTER
    assert await ask(f"{url}/live") == (200, {"ok": True, "failing": []})
    hand.now += 1
    assert await ask(f"{url}/live") == (503, {"ok": False, "failing": ["loop"]})
    health.beat("loop")
    assert await ask(f"{url}/live") == (200, {"ok": True, "failing": []})


async def test_a_loop_that_ended_in_order_is_not_missed(
    health: Health, hand: Hand, url: str
) -> None:
    health.beat("loop")
    health.retire("loop")
    hand.now = STALLED_AFTER + 1
    assert (await ask(f"{url}/live"))[0] == 200


async def test_ready_while_every_check_holds(health: Health, url: str) -> None:
    holds = [True]
    health.expect("view", lambda: holds[0])
    health.expect("broker", lambda: True)
    assert await ask(f"{url}/ready") == (200, {"ok": True, "failing": []})
    holds[0] = False
    assert await ask(f"{url}/ready") == (503, {"ok": False, "failing": ["view"]})
    assert (await ask(f"{url}/live"))[0] == 200


async def test_metrics_are_served_and_nothing_else_is(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        metrics = await client.get("/metrics")
        assert "conserje_dead_letters" in metrics.text
        assert metrics.headers["content-type"].startswith("text/plain")
        assert (await client.get("/")).status_code == 404


async def test_idle_connections_take_no_more_than_their_share_of_threads(url: str) -> None:
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(address)) for _ in range(30)]
        closed = await asyncio.to_thread(lambda: [one.recv(1) for one in idle[MOST_REQUESTS:]])
        assert closed == [b""] * (30 - MOST_REQUESTS)

    async def answers() -> bool:
        with suppress(httpx.TransportError):
            return await ask(f"{url}/live") == (200, {"ok": True, "failing": []})
        return False

    await eventually_async(answers, "an answer once they are gone")


async def test_a_stop_ends_the_thread(health: Health) -> None:
    server = HealthServer(health, "127.0.0.1", 0)
    before = threading.active_count()
    await server.start()
    await server.stop()
    await eventually_async(lambda: threading.active_count() <= before, "the end of its thread")
