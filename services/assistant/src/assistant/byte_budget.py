"""How many bytes of files may be in memory at once. One loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteBudget:
    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def reserved(self, size: int) -> AsyncIterator[None]:
        """Waits until so many bytes are free; more than there are in all count as all."""
        size = min(size, self._limit)
        while self._left < size:
            self._freed.clear()
            await self._freed.wait()
        self._left -= size
        try:
            yield
        finally:
            self._left += size
            self._freed.set()
