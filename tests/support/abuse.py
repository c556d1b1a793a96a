"""Hostile clients on raw sockets, and how much memory a process took meanwhile."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
LINE = b"X-A: " + b"b" * 8000 + b"\r\n"
HEAD = b" HTTP/1.1\r\nHost: a\r\n"


@dataclass(frozen=True)
class Flood:
    """What is sent first, and then again and again; `answered`: before all, and waited for."""

    first: bytes
    drop: bytes
    answered: bytes = b""


def floods(request: bytes, chunked: bytes) -> dict[str, Flood]:
    """`request` is a whole one that is answered, `chunked` the head of one with a chunked body."""
    start = request.split(b"\r\n", 1)[0] + b"\r\nHost: a\r\n"
    return {
        "first head": Flood(start, LINE),
        "second head": Flood(start, LINE, answered=b"GET /nothing" + HEAD + b"\r\n"),
        "pipelined heads": Flood(request, request * 500),
        "pipelined large heads": Flood(request, start + LINE * 7 + b"\r\n"),
        "trailers": Flood(chunked + b"1\r\nx\r\n0\r\n", LINE),
        "chunk extensions": Flood(chunked + b"1;", b"a" * 8000),
        "many chunk extensions": Flood(chunked, (b"1;" + b"a" * 100 + b"\r\nx\r\n") * 80),
    }


def send_flood(port: int, flood: Flood, most: int = 60 * MIB) -> int:
    """Sends until it is refused or cut; how many bytes went."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client, suppress(OSError):
        if flood.answered:
            client.sendall(flood.answered)
            assert client.recv(1000).startswith(b"HTTP/1.1 404 ")
        client.sendall(flood.first)
        while sent < most:
            client.sendall(flood.drop)
            sent += len(flood.drop)
    return sent


def highest_memory(pid: int) -> int:
    """Bytes: the most that the process ever had in memory since `forget_highest`."""
    return status_of(pid, "VmHWM")


def forget_highest(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def status_of(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def half_sent_heads(port: int, count: int) -> Iterator[list[socket.socket]]:
    clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(count)]
    try:
        for client in clients:
            with suppress(OSError):
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        yield clients
    finally:
        for client in clients:
            client.close()
