"""What a turn's files say: recordings become words, images and documents parts of the request.

Nothing is kept of a file but the words of a recording; a turn that is tried again fetches its
images and documents again.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import structlog

from assistant.byte_budget import ByteBudget
from assistant.fetch_media import MediaFetcher, size_of
from assistant.file_types import document_type, image_type
from assistant.media import (
    RECORDINGS_OF_A_TURN,
    TOO_MANY,
    UNKNOWN_TYPE,
    MessageMedia,
    Unopened,
    newest_that_fit,
)
from assistant.prompt import InputPart
from assistant.turn_context import StoredMessage, TurnContext
from assistant.voice_notes import VoiceNotes
from assistant.whatsapp.media_client import MediaAddress, WhatsAppNumber
from common.description import described, with_description
from common.events import TenantConfig
from common.service import metrics
from common.tenant_secrets import NoSecret, TenantSecrets

log = structlog.get_logger()
T = TypeVar("T")
OPEN_SECONDS = 30.0  # for all files of a turn; what takes longer could not be opened
LOW = {"detail": "low"}  # what an image or a page costs is bounded
LATE = Unopened("deadline")
NO_TOKEN = Unopened("token_unsealable")


class OpenedTurn(NamedTuple):
    """turn: as the model reads it. files: by message id, what goes with the message."""

    turn: TurnContext
    files: Mapping[int, InputPart]


class MediaOpener:
    """budget: the bytes of all files that are in memory; a turn holds its own until it is over."""

    def __init__(
        self,
        fetcher: MediaFetcher,
        voice_notes: VoiceNotes,
        access_tokens: TenantSecrets,
        budget: ByteBudget,
    ) -> None:
        self._fetcher = fetcher
        self._voice_notes = voice_notes
        self._access_tokens = access_tokens
        self._budget = budget

    @asynccontextmanager
    async def opened(self, turn: TurnContext, tenant: TenantConfig) -> AsyncIterator[OpenedTurn]:
        """Whatever happens to the files, the turn goes on: the model is told what it misses."""
        media = {message.id: message.media for message in turn.pending if message.media}
        if not media:
            yield OpenedTurn(turn, {})
            return
        number = self._number_of(turn, tenant)
        if number is None:
            yield as_opened(turn, tenant, dict.fromkeys(media, NO_TOKEN))
            return
        until = asyncio.get_running_loop().time() + OPEN_SECONDS
        words = await within(until, self._hear(turn, tenant, number))
        seen = {id: each for id, each in media.items() if each.what != "audio"}
        found = await within(until, {id: self._fetcher.look_up(number, seen[id]) for id in seen})
        addresses = {id: each for id, each in found.items() if isinstance(each, MediaAddress)}
        chosen = newest_that_fit({id: size_of(addresses[id], seen[id]) for id in addresses})
        async with self._budget.reserved(sum(chosen.values())):
            files = await within(
                until, {id: self._file(number, addresses[id], seen[id]) for id in chosen}
            )
            missed = {id: each for id, each in found.items() if isinstance(each, Unopened)}
            yield as_opened(turn, tenant, {**words, **missed, **files})

    def _number_of(self, turn: TurnContext, tenant: TenantConfig) -> WhatsAppNumber | None:
        try:
            token = self._access_tokens.secret_of(tenant)
        except NoSecret:
            return None
        return WhatsAppNumber(turn.conversation.phone_number_id, token)

    def _hear(
        self, turn: TurnContext, tenant: TenantConfig, number: WhatsAppNumber
    ) -> dict[int, Coroutine[Any, Any, str | Unopened]]:
        recordings = [each for each in turn.pending if each.media and each.media.what == "audio"]
        return {
            message.id: self._voice_notes.hear(message, tenant, number)
            for message in recordings[-RECORDINGS_OF_A_TURN:]
        }

    async def _file(
        self, number: WhatsAppNumber, address: MediaAddress, media: MessageMedia
    ) -> InputPart | Unopened:
        content = await self._fetcher.download(number, address, media)
        if isinstance(content, Unopened):
            return content
        return input_part(content, media) or UNKNOWN_TYPE


async def within(
    until: float, work: Mapping[int, Coroutine[Any, Any, T]]
) -> dict[int, T | Unopened]:
    """What is done by then (loop's time), by message id; what is not is late."""
    tasks = {id: asyncio.create_task(each) for id, each in work.items()}
    if not tasks:
        return {}
    try:
        left = max(0.0, until - asyncio.get_running_loop().time())
        await asyncio.wait(tasks.values(), timeout=left)
        return {id: task.result() if task.done() else LATE for id, task in tasks.items()}
    finally:
        for task in tasks.values():
            task.cancel()


def input_part(content: bytes, media: MessageMedia) -> InputPart | None:
    """None for a type that no model takes."""
    if media.what == "image":
        kind = image_type(content)
        image = {"type": "input_image", **LOW, "image_url": data_url(kind or "", content)}
        return image if kind else None
    document = document_type(content, media.filename, media.mime_type)
    if document is None:
        return None
    data = data_url(document.mime_type, content)
    return {"type": "input_file", **LOW, "filename": document.name, "file_data": data}


def data_url(mime_type: str, content: bytes) -> str:
    return f"data:{mime_type};base64,{b64encode(content).decode()}"


def as_opened(
    turn: TurnContext, tenant: TenantConfig, results: Mapping[int, str | InputPart | Unopened]
) -> OpenedTurn:
    """The turn with the words of recordings, and with what is not opened told."""
    pending = [
        as_read(tenant, message, message.media, results.get(message.id, TOO_MANY))
        if message.media
        else message
        for message in turn.pending
    ]
    files = {id: result for id, result in results.items() if isinstance(result, dict)}
    return OpenedTurn(replace(turn, pending=tuple(pending)), files)


def as_read(
    tenant: TenantConfig,
    message: StoredMessage,
    media: MessageMedia,
    result: str | InputPart | Unopened,
) -> StoredMessage:
    if isinstance(result, Unopened):
        note_unopened(tenant.tenant_id, media.what, result.reason)
        body = with_description(message.body, described(result.told))
        return replace(message, body=body)
    metrics.MEDIA.labels(media.what, "opened").inc()
    return replace(message, body=result) if isinstance(result, str) else message


def note_unopened(tenant_id: int, what: str, reason: str) -> None:
    metrics.MEDIA.labels(what, reason.partition(":")[0]).inc()
    log.warning("media_not_opened", tenant_id=tenant_id, what=what, reason=reason)
