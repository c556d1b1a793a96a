"""The fault proxy between a client and an echo server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devkit.faults import FaultProxy, Toxic

HELLO = b"hello"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1024):
        writer.write(chunk)
    writer.close()


@asynccontextmanager
async def proxied() -> AsyncIterator[FaultProxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy(*server.sockets[0].getsockname()) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator["Line"]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield Line(reader, writer)
    writer.transport.abort()


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, said: bytes = HELLO, length: int | None = None) -> bytes:
        """What comes back; raises ConnectionError or IncompleteReadError, TimeoutError for none."""
        self.writer.write(said)
        return await asyncio.wait_for(self.reader.readexactly(length or len(said)), 0.5)


async def test_without_toxics_bytes_pass_both_ways() -> None:
    async with proxied() as proxy, connected(proxy) as line:
        assert await line.ask() == HELLO
        assert (proxy.connections, proxy.hits.total()) == (1, 0)


async def test_latency_delays_an_answer() -> None:
    async with proxied() as proxy, connected(proxy) as line:
        proxy.add(Toxic("latency", "down", seconds=0.1))
        began = asyncio.get_running_loop().time()
        assert await line.ask() == HELLO
        assert asyncio.get_running_loop().time() - began >= 0.1
        assert proxy.hits["latency"] == 1


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_blackhole_swallows_until_it_is_healed(direction: str) -> None:
    async with proxied() as proxy, connected(proxy) as line:
        assert await line.ask() == HELLO
        proxy.add(Toxic("blackhole", "up" if direction == "up" else "down"))
        with pytest.raises(TimeoutError):
            await line.ask()
        proxy.heal()
        assert await line.ask() == HELLO
        assert proxy.hits["blackhole"] == 1


async def test_a_reset_is_an_error_and_a_close_is_an_end() -> None:
    async with proxied() as proxy:
        proxy.add(Toxic("reset"))
        async with connected(proxy) as line:
            with pytest.raises(ConnectionResetError):
                await line.ask()
        proxy.heal()
        proxy.add(Toxic("close"))
        async with connected(proxy) as line:
            with pytest.raises(asyncio.IncompleteReadError):
                await line.ask()
        assert proxy.hits == {"reset": 1, "close": 1}


async def test_a_limit_cuts_after_so_many_bytes_of_a_connection() -> None:
    async with proxied() as proxy:
        proxy.add(Toxic("limit", "down", count=7))
        async with connected(proxy) as line:
            assert await line.ask() == HELLO
            with pytest.raises(asyncio.IncompleteReadError) as cut:
                await line.ask()
            assert cut.value.partial == HELLO[:2]
        assert proxy.hits["limit"] == 1


async def test_a_server_that_is_gone_ends_the_connection() -> None:
    async with FaultProxy("127.0.0.1", 1) as proxy, connected(proxy) as line:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await line.ask()


async def test_a_refused_connection_is_reset_before_a_byte() -> None:
    async with proxied() as proxy:
        proxy.add(Toxic("refuse"))
        async with connected(proxy) as line:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await line.ask()
        proxy.heal()
        async with connected(proxy) as line:
            assert await line.ask() == HELLO
        assert proxy.hits == {"refuse": 1}


async def test_an_answer_trickles_byte_by_byte() -> None:
    async with proxied() as proxy, connected(proxy) as line:
        proxy.add(Toxic("trickle", "down", seconds=0.02))
        began = asyncio.get_running_loop().time()
        assert await line.ask() == HELLO
        assert asyncio.get_running_loop().time() - began >= 0.02 * (len(HELLO) - 1)
        assert proxy.hits == {"trickle": 1}
