"""What the chat page asks of the stand-in model: faults and delay, passed on to its control API.

The page may only speak to its own server, and the stand-in refuses pages of other addresses.
"""

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.emulators.json_api import answer, control_routes

ENDPOINTS = ("delay", "faults", "reset")
PATIENCE = aiohttp.ClientTimeout(total=5)


class ModelControl:
    """`url` is the base of the stand-in's control API; None: there is no stand-in."""

    def __init__(self, url: str | None) -> None:
        self._url = url

    def routes(self) -> list[Route]:
        return control_routes(*(("POST", f"model/{name}", self.pass_on) for name in ENDPOINTS))

    async def pass_on(self, request: Request) -> Response:
        if self._url is None:
            return answer({"error": "there is no stand-in model"}, 404)
        url = f"{self._url}/{request.url.path.rsplit('/', 1)[1]}"
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.post(url, data=await request.body()) as response,
            ):
                body, status = await response.read(), response.status
        except (aiohttp.ClientError, TimeoutError):
            return answer({"error": "the stand-in model does not answer"}, 502)
        return Response(body, status, media_type="application/json")
