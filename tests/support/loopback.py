"""Serves an ASGI application on a free loopback port, in a thread, for clients over real TCP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import uvicorn

STARTS_WITHIN = 10.0


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
        thread.join(STARTS_WITHIN)


def port_of(server: uvicorn.Server) -> int:
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.005)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
