"""Whether events can be published now, asked in the background and never per request."""

import asyncio

import structlog

from common.kafka.producer import Producer
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.topics import Topic

log = structlog.get_logger()
CHECK_SECONDS = 3.0
NEARLY_FULL = 80_000  # of the producer's 100 000


class BrokerHealth:
    """A Component: ready while the broker answers for the topic and the producer's queue has room.

    Asked for all topics, a broker that others use too would answer with the whole cluster's.
    """

    def __init__(self, producer: Producer, topic: Topic, life: Lifecycle) -> None:
        self._producer = producer
        self._topic = topic
        self._life = life
        self._reachable = False
        self._checks = Periodic(self._check, CHECK_SECONDS, self._report)

    async def start(self) -> None:
        self._life.health.expect("broker", lambda: self._reachable)
        self._life.health.expect("queue", lambda: self._producer.waiting < NEARLY_FULL)
        await self._checks.start()

    async def stop(self) -> None:
        await self._checks.stop()

    async def _check(self) -> None:
        self._reachable = await asyncio.to_thread(self._producer.reachable, self._topic)

    def _report(self, error: Exception) -> None:
        self._reachable = False
        log.warning("broker_check_failed", exc_info=error)
