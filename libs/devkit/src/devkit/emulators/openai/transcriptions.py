"""POST /v1/audio/transcriptions: the file's name decides its format, as on the real API."""

import re
from pathlib import PurePath

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from devkit.emulators.openai.config import EmulatorConfig
from devkit.emulators.openai.models import find_model
from devkit.emulators.openai.refusals import Refused, missing, unknown, wrong_value

FORMATS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")
FIELD = re.compile(
    r"file|model|language|prompt|response_format|temperature|stream|chunking_strategy|"
    r"(?:languages|keywords)(?:\[\])?|(?:include|timestamp_granularities)\[\]"
)
MAX_BYTES = 25 * 1024 * 1024


async def transcribe(request: Request, config: EmulatorConfig) -> Response:
    """Raises Refused. A voice note of WhatsApp is accepted only under a name ending in .ogg."""
    async with request.form(max_part_size=MAX_BYTES + 1024) as form:
        size = await check_form(form, config)
        if form.get("response_format") == "text":
            return PlainTextResponse(config.transcript + "\n")
    seconds = max(1, size // 4000)  # WhatsApp's Opus runs at about 32 kbit/s
    usage = {"type": "duration", "seconds": seconds}
    return JSONResponse({"text": config.transcript, "usage": usage})


async def check_form(form: FormData, config: EmulatorConfig) -> int:
    """The file's size in bytes."""
    for key in form:
        if not FIELD.fullmatch(key):
            raise unknown(key)
    name = form.get("model")
    if not isinstance(name, str) or not name:
        raise missing("model")
    find_model(config.models, name, audio=True, today=config.today())
    response_format = form.get("response_format", "json")
    if response_format not in ("json", "text"):
        raise wrong_value("response_format", response_format, ("json", "text"))
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise missing("file")
    return check_file(file.filename or "", len(await file.read()))


def check_file(filename: str, size: int) -> int:
    extension = PurePath(filename).suffix.lstrip(".").lower()
    if extension not in FORMATS:
        raise Refused("file_format", "file", extension=extension)
    if not size:
        raise Refused("empty_file", "file")
    if size > MAX_BYTES:
        raise Refused("large_file", limit=MAX_BYTES, size=size)
    return size
