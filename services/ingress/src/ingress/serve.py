"""The web server of /webhook: connections kept open, slow ones guarded."""

from starlette.types import ASGIApp

from common.http import WebServer
from common.lifecycle import Lifecycle
from ingress.guard import GuardedProtocol

KEEP_ALIVE_SECONDS = 75


def web_server(
    app: ASGIApp,
    host: str,
    port: int,
    connections: int,
    life: Lifecycle,
    protocol: type[GuardedProtocol] = GuardedProtocol,
) -> WebServer:
    return WebServer(
        app,
        host,
        port,
        connections,
        life,
        http=protocol,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
