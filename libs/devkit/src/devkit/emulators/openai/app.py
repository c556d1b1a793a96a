"""Puts the emulator's routes together."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devkit.emulators.asgi import bearer_token
from devkit.emulators.openai.config import EmulatorConfig
from devkit.emulators.openai.control import Control
from devkit.emulators.openai.http import check_key
from devkit.emulators.openai.models import Model, not_found
from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.response import new_id
from devkit.emulators.openai.responses import ResponsesEndpoint
from devkit.emulators.openai.state import State
from devkit.emulators.openai.transcriptions import transcribe

Endpoint = Callable[[Request], Awaitable[Response]]
CREATED = 1_767_225_600  # any past moment: the real dates say nothing to a client


def create_app(config: EmulatorConfig) -> Starlette:
    state = State(config)
    return Starlette(
        routes=[
            Route("/v1/responses", ResponsesEndpoint(state), methods=["POST"]),
            *api_routes(config),
            *Control(state).routes(),
            Route("/health", health),
        ],
        exception_handlers={Refused: refuse},
    )


def api_routes(config: EmulatorConfig) -> list[Route]:
    async def models(request: Request) -> Response:
        listed = [model_json(name, model) for name, model in config.models.items()]
        alive = [model for model in listed if not is_over(model, config)]
        return JSONResponse({"object": "list", "data": alive})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in config.models or is_over(model_json(name, config.models[name]), config):
            raise not_found(f"The model '{name}' does not exist or you do not have access to it.")
        return JSONResponse(model_json(name, config.models[name]))

    async def transcriptions(request: Request) -> Response:
        return await transcribe(request, config)

    return [
        Route("/v1/models", guarded(models, config)),
        Route("/v1/models/{name}", guarded(model, config)),
        Route("/v1/audio/transcriptions", guarded(transcriptions, config), methods=["POST"]),
    ]


def guarded(endpoint: Endpoint, config: EmulatorConfig) -> Endpoint:
    async def with_key(request: Request) -> Response:
        check_key(bearer_token(request.scope["headers"]), config.api_keys)
        response = await endpoint(request)
        response.headers["x-request-id"] = new_id("req")
        return response

    return with_key


def model_json(name: str, model: Model) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "system",
        "shutdown_date": model.shutdown.isoformat() if model.shutdown else None,
    }


def is_over(model: dict[str, Any], config: EmulatorConfig) -> bool:
    return (model["shutdown_date"] or "9999") <= config.today().isoformat()


async def refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    headers = {"x-request-id": new_id("req")}
    return JSONResponse(refused.body(), status_code=refused.status, headers=headers)


async def health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})
