"""Speech to text: POST /audio/transcriptions of OpenAI, or of a server like it.

The file's name decides its format: WhatsApp's voice notes are Ogg with Opus, and taken as
`voice.ogg` only. https://developers.openai.com/api/docs/models/gpt-transcribe.md
"""

from dataclasses import dataclass

from assistant.openai.clean import clean, visible
from assistant.openai.http_error import read_http_error
from assistant.openai.response import LONGEST_TEXT, ModelFailure, Usage, token_count
from assistant.openai.sdk_client import SdkClient, Upload
from common.lenient_json import at, integer_at
from common.service.json_http import HttpAnswer


@dataclass(frozen=True, slots=True)
class Recording:
    """filename: with the extension of what the bytes are. language: two letters, or unknown."""

    filename: str
    content: bytes
    mime_type: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """usage: tokens, where the server counts them. seconds: of sound, where it bills these."""

    text: str
    usage: Usage
    seconds: int = 0


class Transcriber:
    """On a client that the wiring starts; each call carries its own API key.

    base_url: where nothing else is said. deadline: seconds of one call.
    """

    def __init__(self, base_url: str, sdk: SdkClient, deadline: float) -> None:
        self._base_url = base_url
        self._sdk = sdk
        self._deadline = deadline

    async def transcribe(
        self, api_key: str, model: str, recording: Recording, base_url: str | None = None
    ) -> Transcript | ModelFailure:
        """model: such as gpt-transcribe. One try. Never raises for what the server does."""
        url = f"{(base_url or self._base_url).rstrip('/')}/audio/transcriptions"
        fields = {"model": model, "response_format": "json"}
        if recording.language:
            fields["language"] = recording.language
        file = (recording.filename, recording.content, recording.mime_type)
        answer = await self._sdk.post(url, api_key, Upload(fields, file), self._deadline)
        return read_answer(answer, model) if isinstance(answer, HttpAnswer) else answer


def read_answer(answer: HttpAnswer, model: str) -> Transcript | ModelFailure:
    body = answer.json()
    if answer.status == 200:
        return read_transcript(body, model)
    return read_http_error(answer.status, body, answer.headers)


def read_transcript(body: object, model: str) -> Transcript | ModelFailure:
    """The body of an HTTP 200; a recording without words is `empty`."""
    text = at(body, "text")
    if not isinstance(text, str):
        return ModelFailure("unreadable", "transient")
    usage = Usage(
        model,
        input_tokens=token_count(body, "usage", "input_tokens"),
        output_tokens=token_count(body, "usage", "output_tokens"),
    )
    heard = clean(text)[:LONGEST_TEXT]
    if not visible(heard):
        return ModelFailure("empty", usage=usage)
    return Transcript(heard, usage, max(integer_at(body, "usage", "seconds") or 0, 0))
