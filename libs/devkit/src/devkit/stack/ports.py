"""Ports on 127.0.0.1: the usual one when it is free, any free one otherwise."""

import random
import socket

from devkit.stack import Announce

RANGE = (15_000, 32_000)
_given: set[int] = set()


def is_free(port: int) -> bool:
    """True when a server could listen on 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` free ports, never one that this process was given before.

    They lie below the range from which systems take ports for outgoing connections (from 32768 on,
    Linux), so that no client of ours can have one by the time its server starts.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(*RANGE)
        if port not in _given and is_free(port):
            _given.add(port)
            ports.append(port)
    return ports


def usual_or_free(name: str, usual: int, announce: Announce) -> int:
    """`usual` when it is free; else a free port, and says so."""
    if is_free(usual):
        return usual
    port = free_ports(1)[0]
    announce(f"{name}: port {usual} is taken, using {port}")
    return port
