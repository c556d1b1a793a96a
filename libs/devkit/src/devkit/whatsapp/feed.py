"""What changed, for whoever watches: every subscriber has its own queue."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from devkit.whatsapp.identities import Business
from devkit.whatsapp.state import Conversation, Message

Change = Message | Conversation | Business


class Feed:
    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Change]] = set()

    def publish(self, change: Change) -> None:
        for queue in self._queues:
            queue.put_nowait(change)

    @contextmanager
    def subscription(self) -> Iterator[asyncio.Queue[Change]]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
