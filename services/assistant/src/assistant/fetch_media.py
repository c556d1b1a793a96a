"""The bytes of a file, or why they are not opened."""

from typing import Protocol

from assistant.media import TOO_LARGE, MessageMedia, Unopened
from assistant.whatsapp.media_client import MediaAddress, MediaFailure, WhatsAppNumber


class Downloads(Protocol):
    """See whatsapp.media_client.MediaClient."""

    async def look_up(
        self, number: WhatsAppNumber, media_id: str
    ) -> MediaAddress | MediaFailure: ...

    async def download(
        self, number: WhatsAppNumber, address: MediaAddress, at_most: int
    ) -> bytes | MediaFailure: ...


class MediaFetcher:
    def __init__(self, downloads: Downloads) -> None:
        self._downloads = downloads

    async def look_up(self, number: WhatsAppNumber, media: MessageMedia) -> MediaAddress | Unopened:
        address = await self._downloads.look_up(number, media.id)
        if isinstance(address, MediaFailure):
            return Unopened(address.reason)
        return TOO_LARGE if size_of(address, media) > media.at_most else address

    async def download(
        self, number: WhatsAppNumber, address: MediaAddress, media: MessageMedia
    ) -> bytes | Unopened:
        content = await self._downloads.download(number, address, size_of(address, media))
        return Unopened(content.reason) if isinstance(content, MediaFailure) else content


def size_of(address: MediaAddress, media: MessageMedia) -> int:
    """Bytes; as many as may come where nobody says."""
    return address.size or media.at_most
