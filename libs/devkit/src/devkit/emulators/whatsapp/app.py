"""The whole emulator as one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from devkit.emulators.whatsapp.config import WhatsAppConfig
from devkit.emulators.whatsapp.control import Control
from devkit.emulators.whatsapp.emulator import Emulator
from devkit.emulators.whatsapp.graph import Messages
from devkit.emulators.whatsapp.media import Media
from devkit.emulators.whatsapp.model_control import ModelControl
from devkit.emulators.whatsapp.page import Page
from devkit.emulators.whatsapp.webhooks import Handshake, Webhooks


def create_app(config: WhatsAppConfig) -> Starlette:
    """Meta's side: Graph API, webhooks, control API and the chat page. Serve it with uvicorn."""
    webhooks = Webhooks(config.webhook_url, config.app_secret, config.knobs)
    handshake = Handshake(config.webhook_url, config.verify_token)
    emulator = Emulator(config, webhooks)

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok", "webhook": handshake.result})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await webhooks.start()
        verification = asyncio.create_task(handshake.run())
        yield
        verification.cancel()
        emulator.statuses.clear()
        await webhooks.close()

    routes: list[BaseRoute] = [
        Route("/{version}/{phone_number_id}/messages", Messages(emulator), methods=["POST"]),
        Route("/health", health),
        *Control(emulator).routes(),
        *ModelControl(config.model_control_url).routes(),
        *Page(emulator).routes(),
        *Media(emulator).routes(),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
