"""The web server of /webhook: connections kept open, slow ones guarded."""

from starlette.types import ASGIApp

from common.service.lifecycle import Lifecycle
from common.service.web_server import WebServer
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
