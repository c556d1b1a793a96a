"""What was said in recordings. Each is paid for once: its words are stored with the message."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from assistant.byte_budget import ByteBudget
from assistant.fetch_media import MediaFetcher, size_of
from assistant.file_types import recording_type, seconds_of_opus
from assistant.media import UNKNOWN_TYPE, Unopened
from assistant.openai.response import ModelFailure
from assistant.openai.transcription import Recording, Transcript
from assistant.turn_context import StoredMessage
from assistant.whatsapp.media_client import WhatsAppNumber
from common.events import TenantConfig
from common.events.config import NO_TRANSCRIPTION
from common.tenant_secrets import NoSecret, TenantSecrets

LONGEST_SECONDS = 600.0
MAY_PASS = frozenset({"transient", "rate_limit"})
NOBODY_HEARS = Unopened("transcription_off", "cannot be heard here")
TOO_LONG = Unopened("too_long", "not heard: longer than ten minutes")
NO_WORDS = Unopened("no_words", "no words could be heard in it")


class SpeechToText(Protocol):
    """See openai.transcription.Transcriber."""

    async def transcribe(
        self, api_key: str, model: str, recording: Recording
    ) -> Transcript | ModelFailure: ...


class VoiceNotes:
    """keep(message_id, body): stores what is read from now on instead of the recording. One
    loop."""

    def __init__(
        self,
        fetcher: MediaFetcher,
        transcriber: SpeechToText,
        api_keys: TenantSecrets,
        budget: ByteBudget,
        keep: Callable[[int, str], Awaitable[None]],
    ) -> None:
        self._fetcher = fetcher
        self._transcriber = transcriber
        self._api_keys = api_keys
        self._budget = budget
        self._keep = keep
        self._hearing: dict[int, asyncio.Task[str | Unopened]] = {}

    async def hear(
        self, message: StoredMessage, tenant: TenantConfig, number: WhatsAppNumber
    ) -> str | Unopened:
        """The message's body with the words. It goes on when its turn is superseded or has no more
        time: the next one waits for the same call."""
        if message.id not in self._hearing:
            hearing = asyncio.create_task(self._hear(message, tenant, number))
            self._hearing[message.id] = hearing
            hearing.add_done_callback(lambda _: self._hearing.pop(message.id))
        return await asyncio.shield(self._hearing[message.id])

    async def _hear(
        self, message: StoredMessage, tenant: TenantConfig, number: WhatsAppNumber
    ) -> str | Unopened:
        model, media = tenant.settings.transcription_model, message.media
        if media is None or model == NO_TRANSCRIPTION:
            return NOBODY_HEARS
        address = await self._fetcher.look_up(number, media)
        if isinstance(address, Unopened):
            return address
        async with self._budget.reserved(size_of(address, media)):
            content = await self._fetcher.download(number, address, media)
            if isinstance(content, Unopened):
                return content
            words = await self._words_of(content, model, tenant)
        if isinstance(words, Unopened):
            return words
        body = f"{message.body} {words}"
        await self._keep(message.id, body)
        return body

    async def _words_of(self, content: bytes, model: str, tenant: TenantConfig) -> str | Unopened:
        kind = recording_type(content)
        if kind is None:
            return UNKNOWN_TYPE
        if seconds_of_opus(content) > LONGEST_SECONDS:
            return TOO_LONG
        try:
            api_key = self._api_keys.secret_of(tenant)
        except NoSecret:
            return Unopened("key_unsealable")
        language = tenant.settings.language.partition("-")[0]
        return await self._transcribed(
            api_key, model, Recording(kind.name, content, kind.mime_type, language)
        )

    async def _transcribed(self, api_key: str, model: str, recording: Recording) -> str | Unopened:
        heard = await self._transcriber.transcribe(api_key, model, recording)
        if isinstance(heard, ModelFailure) and heard.kind in MAY_PASS:
            heard = await self._transcriber.transcribe(api_key, model, recording)
        if isinstance(heard, Transcript):
            return heard.text
        return NO_WORDS if heard.reason == "empty" else Unopened(f"transcription:{heard.reason}")
