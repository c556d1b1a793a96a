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
        before = threading.active_count()
        idle = [stack.enter_context(socket.create_connection(address)) for _ in range(30)]
        closed = await asyncio.to_thread(lambda: [one.recv(1) for one in idle[:-MOST_REQUESTS]])
        assert closed == [b""] * (30 - MOST_REQUESTS)
        assert await ask(f"{url}/live") == (200, {"ok": True, "failing": []})
        assert threading.active_count() <= before + MOST_REQUESTS + 4


async def test_a_stop_ends_the_thread(health: Health) -> None:
    server = HealthServer(health, "127.0.0.1", 0)
    before = threading.active_count()
    await server.start()
    await server.stop()
    await eventually_async(lambda: threading.active_count() <= before, "the end of its thread")


async def test_a_trickled_request_ends_and_keeps_no_probe_out(url: str) -> None:
    """Half a head each: the next connection ends the oldest of them."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with ExitStack() as stack:
        trickles = [stack.enter_context(socket.create_connection(address)) for _ in range(40)]
        for one in trickles:
            with suppress(OSError):
                one.sendall(b"GET /live HTTP/1.1\r\nX-A: ")
        assert await ask(f"{url}/live") == (200, {"ok": True, "failing": []})

        def trickle() -> None:
            with suppress(OSError):
                while True:
                    trickles[-1].sendall(b"b")
                    trickles[-1].settimeout(0.2)
                    with suppress(TimeoutError):
                        assert trickles[-1].recv(1) == b""
                        return

        await asyncio.wait_for(asyncio.to_thread(trickle), 60)


async def test_a_request_has_16_kib(url: str) -> None:
    def flood() -> int:
        sent = 0
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        with socket.create_connection(address) as client, suppress(OSError):
            while sent < 64 << 20:
                sent += client.send(b"X-A: " + b"b" * 8000 + b"\r\n")
        return sent

    assert await asyncio.to_thread(flood) < 64 << 20
