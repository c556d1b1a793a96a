"""The FastAPI application: Meta's GET handshake, with the hot path in front of it.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started (verification requests).
"""

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import PlainTextResponse

from ingress.publish import Publisher
from ingress.receive import PATH, Limits, Receiver
from ingress.verify import same_token


def application(
    secrets: tuple[bytes, ...], verify_token: str, publisher: Publisher, limits: Limits
) -> FastAPI:
    app = FastAPI(title="Conserje ingress", docs_url=None, redoc_url=None, openapi_url=None)
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
