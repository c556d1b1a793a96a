"""A closed-loop HTTP load generator, cheap enough not to be the bottleneck."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

HEADERS_END = b"\r\n\r\n"


@dataclass
class Tally:
    """Answers by status line, and when the last came."""

    statuses: Counter[bytes] = field(default_factory=Counter)
    sent: int = 0


class Connection(asyncio.Protocol):
    """Sends the next request when the answer before is there. Answers must have a length of 0 or
    a content-length within the first read."""

    def __init__(self, requests: Sequence[bytes], tally: Tally, until: float) -> None:
        self._requests, self._tally, self._until = requests, tally, until
        self.done = asyncio.get_running_loop().create_future()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(HEADERS_END)
        if separator and len(rest) >= content_length(head):
            self._tally.statuses[head[9:12]] += 1
            self._buffer = b""
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        if perf_counter() >= self._until:
            self._transport.close()
            return
        request = self._requests[self._tally.sent % len(self._requests)]
        self._tally.sent += 1
        self._transport.write(request)  # type: ignore[attr-defined]


def content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def load(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> float:
    """Requests answered 200 per second. Raises RuntimeError when anything else was answered."""
    tally, loop, until = Tally(), asyncio.get_running_loop(), perf_counter() + seconds
    began = perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(requests, tally, until), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    took = perf_counter() - began
    if set(tally.statuses) != {b"200"}:
        raise RuntimeError(f"answers other than 200: {dict(tally.statuses)}")
    return tally.statuses[b"200"] / took


def post(path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body
