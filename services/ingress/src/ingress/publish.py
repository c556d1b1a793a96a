"""Puts a webhook's exact bytes on `webhooks.raw` and waits until the broker has them."""

import asyncio
from typing import Literal

from confluent_kafka import KafkaException

from common.kafka.producer import Delivered, RecordProducer
from common.service.clock import Clock
from common.service.crash_points import CrashPoints
from common.service.tracing import new_trace_id, trace_headers
from common.topics import WEBHOOKS_RAW
from ingress.gather import Gather
from ingress.phone_numbers import phone_number_ids

PublishResult = Literal["stored", "queue_full", "no_ack"]
NO_NUMBER = ""


class Publisher:
    """One record per distinct number of the body, keyed by it, so that a number keeps its order.

    A body without a readable number is one record without the `phone_number_id` header: news of
    accounts, or something that the router quarantines.
    """

    def __init__(
        self,
        producer: RecordProducer,
        clock: Clock,
        ack_seconds: float,
        crash_points: CrashPoints,
    ) -> None:
        self._producer = producer
        self._crash_points = crash_points
        self._clock = clock
        self._ack_seconds = ack_seconds
        self._gather = Gather()
        self._busy = 0  # webhooks whose acks are awaited

    async def publish(self, body: bytes) -> PublishResult:
        """After "no_ack" the record may still arrive: a repeated webhook is dropped downstream."""
        self._crash_points.reached("webhook.verified")
        await self._gather.wait(self._busy)
        self._busy += 1
        try:
            return await self._publish(body)
        finally:
            self._busy -= 1

    async def _publish(self, body: bytes) -> PublishResult:
        sent: list[Delivered] = []
        common = self._headers()
        try:
            for number in phone_number_ids(body) or [NO_NUMBER]:
                sent.append(self._send(number, body, common))
            await asyncio.wait_for(acks(sent), self._ack_seconds)
        except BufferError:
            cancel(sent)
            return "queue_full"
        except (KafkaException, TimeoutError):
            cancel(sent)
            return "no_ack"
        self._crash_points.reached("webhook.stored")
        return "stored"

    def _send(self, number: str, body: bytes, common: list[tuple[str, bytes]]) -> Delivered:
        own = [("phone_number_id", number.encode())] if number else []
        return self._producer.send(WEBHOOKS_RAW, number, body, [*common, *own])

    def _headers(self) -> list[tuple[str, bytes]]:
        now_ms = int(self._clock.now().timestamp() * 1000)
        return [*trace_headers(new_trace_id()), ("received_at", str(now_ms).encode())]


def acks(sent: list[Delivered]) -> "asyncio.Future[object]":
    return sent[0] if len(sent) == 1 else asyncio.gather(*sent)  # type: ignore[return-value]


def cancel(sent: list[Delivered]) -> None:
    """Nothing waits for these any more: a late failure must not be reported as unhandled."""
    for future in sent:
        future.cancel()
