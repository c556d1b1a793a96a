"""Media of the Graph API and of the control API.

Graph, each with the number's token: `POST /{version}/{phone_number_id}/media` -> {id};
`GET /{version}/{id}[?phone_number_id=]` -> {url, mime_type, sha256, file_size}; `GET url` -> the
bytes, for 5 minutes. Control: `POST /control/media?filename=` takes the bytes that a contact is to
send (then `id` of `/control/inbound`), `GET /control/media/{id}` gives them to the chat page.
"""

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from devkit.emulators.asgi import bearer_token
from devkit.emulators.json_api import Endpoint, answer, control_routes
from devkit.emulators.whatsapp.byte_ranges import ranged
from devkit.emulators.whatsapp.emulator import Emulator
from devkit.emulators.whatsapp.errors import GraphError, no_such_object
from devkit.emulators.whatsapp.faults import Action, Attempt, Phase
from devkit.emulators.whatsapp.graph import drop
from devkit.emulators.whatsapp.media_store import LARGEST, StoredFile
from devkit.emulators.whatsapp.media_types import check_upload

URL_LIFE = 300.0  # seconds
OTHER_PAGE = "<!doctype html><title>Facebook</title><h1>Something went wrong</h1>"


class Media:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        """To be placed last: `/{version}/{media_id}` would hide other paths of two parts."""
        return [
            *control_routes(("POST", "media", self.keep), ("GET", "media/{media_id}", self.show)),
            Route("/{version}/{phone_number_id}/media", answering(self.upload), methods=["POST"]),
            Route("/media/{media_id}", answering(self.download)),
            Route("/{version}/{media_id}", answering(self.look_up)),
        ]

    async def keep(self, request: Request) -> Response:
        """A file of a contact. Its kind is that of the Content-Type header."""
        content = await request.body()
        if not content or len(content) > LARGEST:
            raise ValueError(f"a file has 1 to {LARGEST} bytes")
        mime_type = request.headers.get("content-type") or "application/octet-stream"
        filename = request.query_params.get("filename")
        return answer(self._emulator.media.put(content, mime_type, filename).look_up(), 201)

    async def show(self, request: Request) -> Response:
        file = self._emulator.media.get(request.path_params["media_id"])
        if file is None:
            return answer({"error": "no such file"}, 404)
        # No page of a contact's may run on the emulator's address.
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        wanted = request.headers.get("range", "")
        return ranged(file.content, file.mime_type, wanted, headers)

    async def upload(self, request: Request) -> Response:
        number = request.path_params["phone_number_id"]
        self._emulator.authorised(number, bearer_token(request.scope["headers"]))
        async with request.form() as form:
            upload = form.get("file")
            if form.get("messaging_product") != "whatsapp":
                raise GraphError(100, "The parameter messaging_product is required.")
            if not isinstance(upload, UploadFile):
                raise GraphError(100, "The parameter file is required.")
            content = await upload.read()
            named_type = form.get("type")
        mime_type = upload.content_type or "application/octet-stream"
        check_upload(named_type, mime_type, len(content))
        file = self._emulator.media.put(content, mime_type, upload.filename)
        file.numbers.add(number)
        return answer({"id": file.id})

    async def look_up(self, request: Request) -> Response:
        file = self._found(request)
        until = self._emulator.clock() + URL_LIFE
        url = f"{request.base_url}media/{file.id}?until={until:.0f}"
        found = {"messaging_product": "whatsapp", "url": url} | file.look_up()
        fault = self._fault("look_up", file)
        return await instead(fault, answer(found)) if fault else answer(found)

    async def download(self, request: Request) -> Response:
        file = self._found(request)
        until = request.query_params.get("until", "")
        if not until.isdecimal() or int(until) < self._emulator.clock():
            return Response(status_code=404)
        content = Response(file.content, media_type=file.mime_type)
        fault = self._fault("download", file)
        return await instead(fault, content) if fault else content

    def _found(self, request: Request) -> StoredFile:
        """Raises GraphError: no valid token, or no file of a number with this token."""
        token = bearer_token(request.scope["headers"])
        if not self._emulator.is_token(token):
            raise GraphError(190, "Error validating access token")
        media_id = request.path_params["media_id"]
        file = self._emulator.media.get(media_id)
        number = request.query_params.get("phone_number_id")
        if file is None or not self._may_fetch(file, token, number):
            raise no_such_object(media_id)
        return file

    def _may_fetch(self, file: StoredFile, token: str, phone_number_id: str | None) -> bool:
        numbers = file.numbers if phone_number_id is None else file.numbers & {phone_number_id}
        return any(self._emulator.token_of(number) == token for number in numbers)

    def _fault(self, phase: Phase, file: StoredFile) -> Action | None:
        number = next(iter(file.numbers), "")
        return self._emulator.faults.take(phase, Attempt(number, ("", ""), file.id))


async def instead(fault: Action, given: Response) -> Response:
    """What the caller gets in place of `given`, or `given` late."""
    if fault.error is not None:
        raise GraphError(fault.error, "")
    if fault.status is not None:
        return Response(status_code=fault.status)
    if fault.redirect is not None:
        return RedirectResponse(fault.redirect, 302)
    if fault.html:
        return HTMLResponse(OTHER_PAGE)
    if fault.size is not None:
        return Response(bytes(fault.size), media_type=given.media_type)
    if fault.hang is not None:
        await asyncio.sleep(fault.hang)
    return NoAnswer() if fault.drop else given


class NoAnswer(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await drop(receive)


def answering(endpoint: Endpoint) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except GraphError as refusal:
            return answer(refusal.body(), refusal.http_status)

    return answered
