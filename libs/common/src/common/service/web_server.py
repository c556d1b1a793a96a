"""uvicorn as a Component: our loop, our signals, a drain of at most ten seconds.

Only for services that have uvicorn among their own dependencies.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from uvicorn import Config, Server

from common.service.guarded_http import AllConnections, ConnectionLimits, GuardedProtocol
from common.service.lifecycle import Lifecycle

DRAIN_SECONDS = 10
BACKLOG = 2048


class EmbeddedServer(Server):
    """Signals belong to the lifecycle."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class WebServer:
    """A Component. `port` is the real one after start, also when 0 was asked for.

    `options` are uvicorn's, beside what all have.
    """

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        limits: ConnectionLimits,
        life: Lifecycle,
        **options: Any,
    ) -> None:
        protocol: Any = partial(GuardedProtocol, limits=limits, everyone=AllConnections())
        self._host = host
        self.port = port
        self._life = life
        self._task: asyncio.Task[None] | None = None
        self._server = EmbeddedServer(
            Config(
                app,
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN_SECONDS,
                **options,
            )
        )

    async def start(self) -> None:
        listener = socket.create_server((self._host, self.port), backlog=BACKLOG)
        self.port = listener.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve([listener]))
        self._task.add_done_callback(self._ended)
        await self._server.listening.wait()

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task:
            await self._task

    def _ended(self, _: "asyncio.Task[None]") -> None:
        if not self._server.should_exit:
            self._life.fatal("web_server_ended")
