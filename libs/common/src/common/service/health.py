"""/live, /ready and /metrics on a port of their own, served by a thread.

Live means that the loops moved; it never asks the broker, the database or a vendor, so that an
outage restarts nothing. Ready means that every check holds.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], bool]
STALLED_AFTER = 30.0


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
        self._server = ThreadingHTTPServer((host, port), handler_for(health))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="health", daemon=True
        )

    async def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def handler_for(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
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
