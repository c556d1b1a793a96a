"""Puts the emulator's routes together."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.emulators.asgi import bearer_token
from devkit.emulators.json_api import Endpoint, answer
from devkit.emulators.openai.config import EmulatorConfig
from devkit.emulators.openai.control import Control
from devkit.emulators.openai.http import check_key
from devkit.emulators.openai.models import Model
from devkit.emulators.openai.refusals import Refused
from devkit.emulators.openai.response import new_id
from devkit.emulators.openai.responses import ResponsesEndpoint
from devkit.emulators.openai.state import State
from devkit.emulators.openai.transcriptions import Transcriptions

CREATED = 1_767_225_600  # any past moment: the real dates say nothing to a client


def create_app(config: EmulatorConfig) -> Starlette:
    state = State(config)
    return Starlette(
        routes=[
            Route("/v1/responses", ResponsesEndpoint(state), methods=["POST"]),
            *api_routes(state),
            *Control(state).routes(),
            Route("/health", health),
        ],
        exception_handlers={Refused: refuse},
    )


def api_routes(state: State) -> list[Route]:
    config = state.config

    def alive() -> dict[str, Any]:
        models, today = config.models.items(), config.today()
        return {name: model_json(name, of) for name, of in models if not of.is_over(today)}

    async def models(request: Request) -> Response:
        return answer({"object": "list", "data": list(alive().values())})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in alive():
            raise Refused("no_model", "model", model=name)
        return answer(alive()[name])

    return [
        Route("/v1/models", guarded(models, config)),
        Route("/v1/models/{name}", guarded(model, config)),
        Route("/v1/audio/transcriptions", guarded(Transcriptions(state), config), methods=["POST"]),
    ]


def guarded(endpoint: Endpoint, config: EmulatorConfig) -> Endpoint:
    async def with_key(request: Request) -> Response:
        check_key(bearer_token(request.scope["headers"]), config.api_keys)
        return with_id(await endpoint(request))

    return with_key


def with_id(response: Response) -> Response:
    response.headers.setdefault("x-request-id", new_id("req"))
    return response


def model_json(name: str, model: Model) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "system",
        "shutdown_date": model.shutdown.isoformat() if model.shutdown else None,
    }


async def refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return with_id(answer(refused.body(), refused.status))


async def health(request: Request) -> Response:
    return answer({"status": "ok"})
