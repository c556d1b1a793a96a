"""Files of contacts and ears for them, as a test says; everything that was asked is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from assistant.byte_budget import ByteBudget
from assistant.fetch_media import MediaFetcher
from assistant.open_media import MediaOpener
from assistant.openai.response import ModelFailure, Usage
from assistant.openai.transcription import Recording, Transcript
from assistant.voice_notes import VoiceNotes
from assistant.whatsapp.media_client import MediaAddress, MediaFailure, WhatsAppNumber
from common.tenant_secrets import TenantSecrets

VOICE = b"OggS voice"
JPEG = b"\xff\xd8\xff\xe0 photo"
PDF = b"%PDF-1.4 menu"


@dataclass
class FilesAtMeta:
    """By media id: the content, or why it cannot be had. sizes: where Graph says another one."""

    files: Mapping[str, bytes | MediaFailure] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    looked_up: list[tuple[WhatsAppNumber, str]] = field(default_factory=list)
    downloaded: list[str] = field(default_factory=list)

    async def look_up(self, number: WhatsAppNumber, media_id: str) -> MediaAddress | MediaFailure:
        self.looked_up.append((number, media_id))
        content = self.files.get(media_id, MediaFailure("http_400:100"))
        if isinstance(content, MediaFailure):
            return content
        return MediaAddress(media_id, "", self.sizes.get(media_id, len(content)))

    async def download(
        self, number: WhatsAppNumber, address: MediaAddress, at_most: int
    ) -> bytes | MediaFailure:
        self.downloaded.append(address.media_id)
        return self.files[address.media_id]


@dataclass
class Ears:
    """Hears `words`, or fails as told, each failure once. While there is a gate, hearing waits."""

    words: str = "¿Qué horario tienen?"
    failures: list[ModelFailure] = field(default_factory=list)
    heard: list[tuple[str, str, Recording]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def transcribe(
        self, api_key: str, model: str, recording: Recording
    ) -> Transcript | ModelFailure:
        self.heard.append((api_key, model, recording))
        if self.gate:
            await self.gate.wait()
        return self.failures.pop(0) if self.failures else Transcript(self.words, Usage(model))


@dataclass
class Media:
    """What a test looks at: `kept` are the bodies stored by message id."""

    files: FilesAtMeta = field(default_factory=FilesAtMeta)
    ears: Ears = field(default_factory=Ears)
    kept: dict[int, str] = field(default_factory=dict)
    budget: int = 32 << 20
    access_token: str | None = "test-token"

    async def keep(self, message_id: int, body: str) -> None:
        self.kept[message_id] = body

    def opener(self, keep: Callable[[int, str], Awaitable[None]] | None = None) -> MediaOpener:
        fetcher, budget = MediaFetcher(self.files), ByteBudget(self.budget)
        api_keys = TenantSecrets("openai_api_key", None, "test-key")
        tokens = TenantSecrets("access_token", None, self.access_token)
        voice_notes = VoiceNotes(fetcher, self.ears, api_keys, budget, keep or self.keep)
        return MediaOpener(fetcher, voice_notes, tokens, budget)
