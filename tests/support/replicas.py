"""A second process of each service that may have several."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from devkit.stack.child import Child
from devkit.stack.ports import free_ports
from devkit.stack.system import READY_SECONDS, System

REPLICATED = ("router", "assistant", "sender")


@asynccontextmanager
async def replicas(
    stack: System, services: Sequence[str] = REPLICATED
) -> AsyncIterator[dict[str, int]]:
    """A second process of each; their health ports."""
    ports = dict(zip(services, free_ports(len(services)), strict=True))
    try:
        for service, port in ports.items():
            environment = {**stack.environment(service), "HEALTH_PORT": str(port)}
            argv = [sys.executable, "-m", f"{service}.main"]
            await stack.children.start(Child(f"{service}-2", argv, environment))
        for service, port in ports.items():
            url = f"http://127.0.0.1:{port}/ready"
            await stack.children.wait_ready(f"{service}-2", url, READY_SECONDS)
        yield ports
    finally:
        await stack.children.stop(*(f"{service}-2" for service in ports))
