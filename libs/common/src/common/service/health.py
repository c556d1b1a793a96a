"""/live, /ready and /metrics on a port of their own, served by a thread.

Live means that the loops moved; it never asks the broker, the database or a vendor, so that an
outage restarts nothing. Ready means that every check holds.
"""

import io
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], bool]
STALLED_AFTER = 30.0
REQUEST_SECONDS = 5.0  # for a whole request, and for its answer to be taken
REQUEST_BYTES = 16 << 10
MOST_REQUESTS = 16  # at once; a probe and a scrape are two
END_SECONDS = 1.0  # for the thread of a connection that was ended


class Health:
    """What a service knows of itself. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._beats: dict[str, float] = {}
        self._checks: dict[str, Check] = {}

    def beat(self, loop: str) -> None:
        self._beats[loop] = self._clock()

    def retire(self, loop: str) -> None:
        self._beats.pop(loop, None)

    def expect(self, name: str, check: Check) -> None:
        """Ready only while `check()` is true. It must not block."""
        self._checks[name] = check

    def stalled(self) -> list[str]:
        now = self._clock()
        return [name for name, at in dict(self._beats).items() if now - at > STALLED_AFTER]

    def not_ready(self) -> list[str]:
        return [name for name, check in dict(self._checks).items() if not check()]


class HealthServer:
    """The HTTP side of Health."""

    def __init__(self, health: Health, host: str, port: int) -> None:
        self._server = BoundedServer((host, port), handler_for(health))
        self.port = self._server.server_port
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    async def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._stopping = True
        with suppress(OSError):  # it wakes the thread
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def _serve(self) -> None:
        """Sleeps until a request comes; serve_forever would look twice a second."""
        with suppress(OSError, ValueError):  # of a socket that was closed
            while not self._stopping:
                self._server.handle_request()


class BoundedServer(ThreadingHTTPServer):
    """A connection too many ends the oldest one, so that idle ones keep no probe out."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._free = threading.Semaphore(MOST_REQUESTS)
        self._open: dict[socket.socket, None] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self._end_oldest()
            if not self._free.acquire(timeout=END_SECONDS):
                self.shutdown_request(request)
                return
        self._open[request] = None
        super().process_request(request, client_address)

    def _end_oldest(self) -> None:
        with suppress(StopIteration, OSError, RuntimeError):  # it has just ended by itself
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.pop(request, None)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """That a client has gone is not news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class BoundedInput(io.RawIOBase):
    """What a client sends: TimeoutError when it takes too long or is too much."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._until = monotonic() + REQUEST_SECONDS
        self._rest = REQUEST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        seconds = self._until - monotonic()
        if seconds <= 0 or self._rest <= 0:
            raise TimeoutError
        self._connection.settimeout(seconds)
        size = self._connection.recv_into(buffer)
        self._rest -= size
        self._connection.settimeout(REQUEST_SECONDS)
        return size


def handler_for(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def setup(self) -> None:
            super().setup()
            self.rfile.close()
            self.rfile = io.BufferedReader(BoundedInput(self.connection), REQUEST_BYTES)

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(), CONTENT_TYPE_LATEST)
            elif self.path in ("/live", "/ready"):
                bad = health.stalled() if self.path == "/live" else health.not_ready()
                body = orjson.dumps({"ok": not bad, "failing": bad})
                self._answer(503 if bad else 200, body, "application/json")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not news."""

    return Handler
