"""The Faust agent: `webhooks.raw` in, every delivery awaited, then acked in order.

Faust skips the events of a failing agent and commits over un-awaited sends, so: no automatic acks,
a supervisor that crashes, and our own loop around a batch. A crash repeats the batch, which the
assistant and the sender absorb.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from common.kafka.dead_letter import TooManyDeadLetters
from common.kafka.record import OutgoingRecord, Record
from common.service import metrics
from common.service.cancellation import unless_cancelled_inside
from common.service.crash_points import CrashPoints
from common.service.settings import KafkaSettings
from common.topics import WEBHOOKS_RAW
from router.process import RecordProcessor

BATCH = 500
WAITING = 500  # events beyond the batch that is being delivered; the rest stays in Faust's buffer
CROWD, GATHER_SECONDS = 4, 0.005
DELIVERY_SECONDS = 60.0


class RouteAgent:
    """`consume` is the agent's function; `app` is the Faust application that runs it.

    acked: events so far.
    """

    def __init__(
        self,
        app: Any,
        kafka: KafkaSettings,
        processor: RecordProcessor,
        crash_points: CrashPoints,
    ) -> None:
        self._app = app
        self._topic_name = kafka.topic_name
        self._crash_points = crash_points
        self._processor = processor
        self.acked = 0

    async def consume(self, stream: Any) -> None:
        """While a batch is delivered the next one gathers: an arrival wakes us, no clock does.

        Only in a crowd the next batch waits a little: larger ones cost a third less.
        """
        stream = stream.noack()
        arrived: asyncio.Queue[Any] = asyncio.Queue(WAITING)
        async with asyncio.TaskGroup() as tasks:
            routing = tasks.create_task(self._route_all(stream, arrived))
            async for event in stream.events():
                await arrived.put(event)
            routing.cancel()

    async def _route_all(self, stream: Any, arrived: asyncio.Queue[Any]) -> None:
        while True:
            events = await next_batch(arrived)
            await self._route(stream, events)
            if len(events) >= CROWD:
                await asyncio.sleep(GATHER_SECONDS)

    async def _route(self, stream: Any, events: Sequence[Any]) -> None:
        routed, records = [], []
        for event in events:
            records += self._processor.process(record_of_event(event))
            routed.append(event)
            if self._processor.too_many_dead_letters:
                break
        self._crash_points.reached("webhook.routed")
        await unless_cancelled_inside(asyncio.wait_for(self._deliver(records), DELIVERY_SECONDS))
        self._crash_points.reached("webhook.delivered")
        await self._ack(stream, routed)
        if self._processor.too_many_dead_letters:
            raise TooManyDeadLetters(WEBHOOKS_RAW.name)

    async def _deliver(self, records: list[OutgoingRecord]) -> None:
        """Straight to the client's producer: half the cost of Faust's own send."""
        producer = self._app.producer._producer
        acks = [
            await producer.send(
                self._topic_name(record.topic.name),
                record.value,
                key=record.key.encode(),
                headers=record.headers,
            )
            for record in records
        ]
        await asyncio.gather(*acks)

    async def _ack(self, stream: Any, events: list[Any]) -> None:
        """In order, and only what this member still owns: the new owner reads the rest."""
        generation = self._app.consumer_generation_id
        for event in events:
            if event.message.generation_id == generation:
                await stream.ack(event)
        self.acked += len(events)
        metrics.CONSUMED.labels(WEBHOOKS_RAW.name).inc(len(events))


async def next_batch(arrived: asyncio.Queue[Any]) -> list[Any]:
    """Waits for one event, and takes with it what is already there."""
    events = [await arrived.get()]
    while len(events) < BATCH and not arrived.empty():
        events.append(arrived.get_nowait())
    return events


def record_of_event(event: Any) -> Record:
    message = event.message
    return Record(
        topic=WEBHOOKS_RAW.name,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers={name: value or b"" for name, value in dict(message.headers or {}).items()},
        timestamp_ms=int((message.timestamp or 0) * 1000),
    )
