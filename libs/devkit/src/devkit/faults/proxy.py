"""A TCP proxy with toxiproxy's words, switchable while connections are open.

async with FaultProxy("127.0.0.1", 5432) as proxy:
    connect_to(proxy.port)
    proxy.add(Toxic("blackhole", "down"))
    assert proxy.hits["blackhole"]
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Literal, Self

Kind = Literal["latency", "blackhole", "reset", "close", "limit", "refuse", "trickle"]
Direction = Literal["up", "down"]
CHUNK = 1 << 16
RESET_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


@dataclass(frozen=True, slots=True)
class Toxic:
    """What happens to bytes that travel up (to the server) or down (to the client).

    latency: each chunk waits `seconds`. blackhole: swallowed, the connection stays open.
    reset, close: at the first byte the connection is cut, with RST or cleanly.
    limit: `count` bytes pass per connection, then it is cut cleanly. refuse: a new connection is
    cut with RST before a byte of it is read. trickle: one byte each `seconds`.
    """

    kind: Kind
    direction: Direction = "down"
    seconds: float = 0.0
    count: int = 0


class FaultProxy:
    """Listens on a free port of 127.0.0.1. `hits` counts, by kind, what the toxics did."""

    def __init__(self, host: str, port: int) -> None:
        self.hits: Counter[str] = Counter()
        self.connections = 0
        self.target_host, self.target_port = host, port
        self._toxics: list[Toxic] = []
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    def add(self, toxic: Toxic) -> None:
        """From the next chunk on, on open connections too."""
        self._toxics.append(toxic)

    def heal(self) -> None:
        """No toxic any more; what was swallowed or cut stays so."""
        self._toxics.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            if any(toxic.kind == "refuse" for toxic in self._toxics):
                self.hits["refuse"] += 1
                await cut(writer, b"", hard=True)
            else:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side or a toxic ends it; then both sides are closed."""
        far_reader, far_writer = await asyncio.open_connection(self.target_host, self.target_port)
        pumps = [
            asyncio.create_task(self._pump("up", reader, far_writer)),
            asyncio.create_task(self._pump("down", far_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for side in (writer, far_writer):
                side.close()

    async def _pump(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while chunk := await reader.read(CHUNK):
            for toxic in [toxic for toxic in self._toxics if toxic.direction == direction]:
                self.hits[toxic.kind] += toxic.kind != "limit" or passed + len(chunk) > toxic.count
                kept = await suffered(toxic, chunk, passed)
                if kept is None:
                    await cut(writer, b"", hard=toxic.kind == "reset")
                    return
                if toxic.kind == "limit" and len(kept) < len(chunk):
                    await cut(writer, kept, hard=False)
                    return
                if toxic.kind == "trickle":
                    await trickle(writer, kept, toxic.seconds)
                chunk = kept if toxic.kind != "trickle" else b""
            writer.write(chunk)
            await writer.drain()
            passed += len(chunk)


async def suffered(toxic: Toxic, chunk: bytes, passed: int) -> bytes | None:
    """What is left of a chunk; None: the connection is to be cut."""
    match toxic.kind:
        case "latency":
            await asyncio.sleep(toxic.seconds)
        case "blackhole":
            return b""
        case "reset" | "close":
            return None
        case "limit":
            return chunk[: max(0, toxic.count - passed)]
    return chunk


async def trickle(writer: asyncio.StreamWriter, chunk: bytes, seconds: float) -> None:
    for byte in chunk:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(seconds)


async def cut(writer: asyncio.StreamWriter, last: bytes, *, hard: bool) -> None:
    if hard:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        writer.transport.abort()
        return
    with contextlib.suppress(OSError):
        writer.write(last)
        await writer.drain()
