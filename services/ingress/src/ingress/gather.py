"""What comes in a crowd goes on together: larger requests to the broker, at less CPU each."""

import asyncio

CROWD, GATHER_SECONDS = 4, 0.002


class Gather:
    """librdkafka's linger would make the only webhook of this moment wait as well."""

    def __init__(self) -> None:
        self._gathered: asyncio.Future[None] | None = None

    async def wait(self, busy: int) -> None:
        """Goes on at once, and before nobody, while fewer than four that went on are `busy`."""
        if busy < CROWD and self._gathered is None:
            return
        if self._gathered is None:
            loop = asyncio.get_running_loop()
            self._gathered = loop.create_future()
            loop.call_later(GATHER_SECONDS, self._go_on, self._gathered)
        await asyncio.shield(self._gathered)

    def _go_on(self, gathered: "asyncio.Future[None]") -> None:
        self._gathered = None
        gathered.set_result(None)
