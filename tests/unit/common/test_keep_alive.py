"""A connection that has been idle is not used again: its peer may be closing it."""

import asyncio

import pytest
from aiohttp import web

from common.service.json_http import KEEP_ALIVE_SECONDS, JsonHttpClient, timeout


@pytest.mark.parametrize(("keep_alive", "connections"), [(30.0, 1), (0.01, 2)])
async def test_an_idle_connection_is_used_for_a_short_time_only(
    keep_alive: float, connections: int
) -> None:
    peers = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = JsonHttpClient(1, 1000, keep_alive)
    await client.start()
    for _ in range(2):
        await client.post(f"http://127.0.0.1:{runner.addresses[0][1]}/", "t", {}, timeout(10))
        await asyncio.sleep(0.1)  # the idle time itself
    await client.stop()
    await runner.cleanup()
    assert len(peers) == connections


def test_it_is_shorter_than_what_common_servers_wait() -> None:
    assert KEEP_ALIVE_SECONDS < 5.0
