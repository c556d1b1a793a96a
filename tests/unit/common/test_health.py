"""Live: the loops moved. Ready: every check holds."""

from collections.abc import AsyncIterator

import httpx
import pytest

from common.service.health import STALLED_AFTER, Health, HealthServer


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
