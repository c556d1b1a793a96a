"""Media of the Graph API: upload, look up, download; each with a valid token, as at Meta.

`POST /{version}/{phone_number_id}/media` -> {id}; `GET /{version}/{id}` -> {url, mime_type, sha256,
file_size}; `GET url` -> the bytes, for 5 minutes. An uploaded id can also be what a contact sends.
"""

import hashlib
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from devkit.emulators.asgi import bearer_token
from devkit.emulators.json_api import Endpoint, answer
from devkit.emulators.whatsapp.emulator import Emulator
from devkit.emulators.whatsapp.errors import GraphError, no_such_object

URL_LIFE = 300.0  # seconds
LARGEST = 100 << 20


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mime_type: str


class Media:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._files: dict[str, File] = {}

    def routes(self) -> list[Route]:
        """To be placed last: `/{version}/{media_id}` would hide other paths of two parts."""
        return [
            Route("/{version}/{phone_number_id}/media", answering(self.upload), methods=["POST"]),
            Route("/media/{media_id}", answering(self.download)),
            Route("/{version}/{media_id}", answering(self.look_up)),
        ]

    async def upload(self, request: Request) -> Response:
        self._emulator.authorised(
            request.path_params["phone_number_id"], bearer_token(request.scope["headers"])
        )
        async with request.form() as form:
            upload = form.get("file")
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product is required.")
            if not isinstance(upload, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            content = await upload.read()
        if len(content) > LARGEST:
            raise GraphError(131053, "The file is larger than 100 MB")
        media_id = str(10**15 + len(self._files))
        self._files[media_id] = File(content, upload.content_type or "application/octet-stream")
        return answer({"id": media_id})

    async def look_up(self, request: Request) -> Response:
        media_id, file = self._found(request)
        until = self._emulator.clock() + URL_LIFE
        return answer(
            {
                "messaging_product": "whatsapp",
                "url": f"{request.base_url}media/{media_id}?until={until:.0f}",
                "mime_type": file.mime_type,
                "sha256": hashlib.sha256(file.content).hexdigest(),
                "file_size": len(file.content),
                "id": media_id,
            }
        )

    async def download(self, request: Request) -> Response:
        _, file = self._found(request)
        until = request.query_params.get("until", "")
        if not until.isdecimal() or int(until) < self._emulator.clock():
            return Response(status_code=404)
        return Response(file.content, media_type=file.mime_type)

    def _found(self, request: Request) -> tuple[str, File]:
        if not self._emulator.is_token(bearer_token(request.scope["headers"])):
            raise GraphError(190, "Error validating access token")
        media_id = request.path_params["media_id"]
        if media_id not in self._files:
            raise no_such_object(media_id)
        return media_id, self._files[media_id]


def answering(endpoint: Endpoint) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GraphError as refusal:
            return answer(refusal.body(), refusal.http_status)

    return answered
