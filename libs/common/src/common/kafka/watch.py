"""Whether events can be published now, asked in the background and never per request."""

import asyncio
from contextlib import suppress

from common.kafka.producer import Producer
from common.service.lifecycle import Lifecycle

EVERY_SECONDS = 3.0
NEARLY_FULL = 80_000  # of the producer's 100 000


class BrokerHealth:
    """A Component: ready while the broker answers and the producer's queue has room."""

    def __init__(self, producer: Producer, life: Lifecycle) -> None:
        self._producer, self._life = producer, life
        self._reachable = False

    async def start(self) -> None:
        self._life.health.expect("broker", lambda: self._reachable)
        self._life.health.expect("queue", lambda: self._producer.waiting < NEARLY_FULL)
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if hasattr(self, "_task"):
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            self._reachable = await asyncio.to_thread(self._producer.reachable)
            await asyncio.sleep(EVERY_SECONDS)
