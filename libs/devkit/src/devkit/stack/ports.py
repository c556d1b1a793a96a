"""Ports on 127.0.0.1: the usual one when it is free, any free one otherwise."""

import socket
from contextlib import ExitStack

from devkit.stack import Announce


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
    """`count` different free ports. Another program may take one before it is used."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def usual_or_free(name: str, usual: int, announce: Announce) -> int:
    """`usual` when it is free; else a free port, and says so."""
    if is_free(usual):
        return usual
    port = free_ports(1)[0]
    announce(f"{name}: port {usual} is taken, using {port}")
    return port
