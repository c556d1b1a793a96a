"""POST /v1/audio/transcriptions: the file's name decides its format, as on the real API.

What it hears is what a file says (see files.MARKER), else the configured transcript.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import PurePath

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from devkit.emulators.json_api import answer
from devkit.emulators.openai.faults import Fault
from devkit.emulators.openai.files import marked_text
from devkit.emulators.openai.models import find_model
from devkit.emulators.openai.refusals import Refused, missing, unknown, wrong_value
from devkit.emulators.openai.response import new_id
from devkit.emulators.openai.responses import HTML
from devkit.emulators.openai.state import Entry, State

FORMATS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")
FIELD = re.compile(
    r"file|model|language|prompt|response_format|temperature|stream|chunking_strategy|"
    r"(?:languages|keywords)(?:\[\])?|(?:include|timestamp_granularities)\[\]"
)
MAX_BYTES = 25 * 1024 * 1024
BYTES_PER_SECOND = 4000  # WhatsApp's Opus runs at about 32 kbit/s


@dataclass(frozen=True, slots=True)
class AudioForm:
    model: str
    filename: str
    content: bytes
    language: str | None
    response_format: str

    def as_json(self) -> bytes:
        """For the journal: without the sound."""
        return orjson.dumps(
            {
                "model": self.model,
                "filename": self.filename,
                "language": self.language,
                "bytes": len(self.content),
            }
        )


class Transcriptions:
    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, request: Request) -> Response:
        """Raises Refused. A voice note of WhatsApp is accepted only under a name ending in .ogg."""
        async with request.form(max_part_size=MAX_BYTES + 1024) as form:
            recording = await self._checked(form)
        entry = self._state.record(
            request.scope["path"], new_id("req"), request.scope["headers"], recording.as_json()
        )
        response = await self._answer(recording)
        entry.status = response.status_code
        return with_id(response, entry)

    async def _answer(self, recording: AudioForm) -> Response:
        fault = self._state.faults.take_for(recording.model)
        if fault and (failed := await instead(fault)):
            return failed
        heard = "" if fault and fault.kind == "empty" else self._heard(recording)
        if recording.response_format == "text":
            return PlainTextResponse(heard + "\n")
        seconds = max(1, len(recording.content) // BYTES_PER_SECOND)
        return answer({"text": heard, "usage": {"type": "duration", "seconds": seconds}})

    def _heard(self, recording: AudioForm) -> str:
        return marked_text(recording.content) or self._state.config.transcript

    async def _checked(self, form: FormData) -> AudioForm:
        config = self._state.config
        for key in form:
            if not FIELD.fullmatch(key):
                raise unknown(key)
        name = form.get("model")
        if not isinstance(name, str) or not name:
            raise missing("model")
        find_model(config.models, name, audio=True, today=config.today())
        response_format = str(form.get("response_format", "json"))
        if response_format not in ("json", "text"):
            raise wrong_value("response_format", response_format, ("json", "text"))
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise missing("file")
        content = await file.read()
        check_file(file.filename or "", len(content))
        language = form.get("language")
        language = language if isinstance(language, str) else None
        return AudioForm(name, file.filename or "", content, language, response_format)


async def instead(fault: Fault) -> Response | None:
    """None: the normal answer, perhaps late. Other faults are of the Responses API only."""
    match fault.kind:
        case "status":
            response = answer(fault.error(), fault.status)
            if fault.retry_after is not None:
                response.headers["retry-after"] = f"{fault.retry_after:g}"
            return response
        case "html":
            return HTMLResponse(HTML)
        case "hang":
            await asyncio.sleep(fault.seconds)
    return None


def with_id(response: Response, entry: Entry) -> Response:
    response.headers["x-request-id"] = entry.request_id
    return response


def check_file(filename: str, size: int) -> None:
    extension = PurePath(filename).suffix.lstrip(".").lower()
    if extension not in FORMATS:
        raise Refused("file_format", "file", extension=extension)
    if not size:
        raise Refused("empty_file", "file")
    if size > MAX_BYTES:
        raise Refused("large_file", limit=MAX_BYTES, size=size)
