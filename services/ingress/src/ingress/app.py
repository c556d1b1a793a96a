"""The FastAPI application (Meta's GET handshake, the hot path in front of it) and its web server.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started (verification requests).
"""

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp

from common.service.guarded_http import ConnectionLimits
from common.service.lifecycle import Lifecycle
from common.service.web_server import WebServer
from ingress.publish import Publisher
from ingress.receive import PATH, BodyLimits, Receiver
from ingress.verify import same_token

KEEP_ALIVE_SECONDS = 75


def application(
    secrets: tuple[bytes, ...], verify_token: str, publisher: Publisher, limits: BodyLimits
) -> FastAPI:
    app = FastAPI(
        title="Conserje ingress",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(Receiver, secrets=secrets, publisher=publisher, limits=limits)

    @app.get(PATH)
    async def handshake(
        mode: Annotated[str, Query(alias="hub.mode")] = "",
        token: Annotated[str, Query(alias="hub.verify_token")] = "",
        challenge: Annotated[str, Query(alias="hub.challenge")] = "",
    ) -> PlainTextResponse:
        """Meta sends this whenever the callback URL or the token is edited."""
        if mode == "subscribe" and same_token(token, verify_token):
            return PlainTextResponse(challenge)
        return PlainTextResponse("", status_code=403)

    return app


def web_server(
    app: ASGIApp, host: str, port: int, limits: ConnectionLimits, life: Lifecycle
) -> WebServer:
    """Keeps connections open and closes slow ones; port 0 is any free one."""
    return WebServer(
        app,
        host,
        port,
        limits,
        life,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
