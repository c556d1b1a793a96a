"""Serves an ASGI application on a free loopback port, in a thread, for clients over real TCP."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn
from tests.support.waiting import SECONDS, eventually


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Yields http://127.0.0.1:PORT; stopped and joined at the end."""
    config = uvicorn.Config(
        app, port=0, log_level="critical", access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port_of(server)}"
    finally:
        server.should_exit = True
        thread.join(SECONDS)


def port_of(server: uvicorn.Server) -> int:
    eventually(lambda: server.started, "the server to start", pause=0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
