"""What changed, for open chat pages. Changes are numbered, so a page can resume where it was."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from devkit.emulators.whatsapp.identities import Business
from devkit.emulators.whatsapp.state import Conversation, Message

Change = Message | Conversation | Business
NumberedChange = tuple[int, Change | None]
KEPT = 1000


class ChangeLog:
    """`start` must grow from run to run: a watcher of an earlier run has then missed something."""

    def __init__(self, start: int) -> None:
        self.number = start
        self._recent: deque[NumberedChange] = deque(maxlen=KEPT)
        self._queues: set[asyncio.Queue[NumberedChange]] = set()

    def publish(self, change: Change) -> None:
        self.number += 1
        self._recent.append((self.number, change))
        for queue in self._queues:
            queue.put_nowait((self.number, change))

    @contextmanager
    def subscription(self, since: int) -> Iterator[asyncio.Queue[NumberedChange]]:
        """All changes after number `since`; a change None first if some of them are forgotten."""
        queue: asyncio.Queue[NumberedChange] = asyncio.Queue()
        oldest = self._recent[0][0] if self._recent else self.number + 1
        if not oldest - 1 <= since <= self.number:
            queue.put_nowait((self.number, None))
        for change in self._recent:
            if change[0] > since:
                queue.put_nowait(change)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)
