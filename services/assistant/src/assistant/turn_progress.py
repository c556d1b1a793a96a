"""Publishes what a turn does, for the read mark and "typing…": at best effort, past the database.

Nothing waits for it or fails with it. While the model is asked it is published again and again, so
nobody has to notice that a process died or a turn ended.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from confluent_kafka import KafkaException

from assistant.results import NoReply, TurnResult
from assistant.turn_context import TurnContext
from common.events import TurnProgress, event_id
from common.kafka.producer import RecordProducer
from common.service.clock import Clock
from common.service.tracing import trace_headers
from common.topics import TURNS_PROGRESS
from common.work import Done, Outcome

REPEAT_SECONDS = 20.0  # WhatsApp shows "typing…" for 25 s


class ProgressPublisher:
    """For the loop's thread."""

    def __init__(
        self, producer: RecordProducer, clock: Clock, repeat_seconds: float = REPEAT_SECONDS
    ) -> None:
        self._producer = producer
        self._clock = clock
        self._repeat_seconds = repeat_seconds

    @contextmanager
    def answering(self, turn: TurnContext) -> Iterator[None]:
        """To be entered when the model is about to be asked."""
        since = self._clock.now()
        self._publish(turn, "answering", since)
        repeating = asyncio.create_task(self._repeat(turn, since))
        try:
            yield
        finally:
            repeating.cancel()

    async def _repeat(self, turn: TurnContext, since: datetime) -> None:
        while True:
            await asyncio.sleep(self._repeat_seconds)
            self._publish(turn, "still_answering", since)

    def recorded(self, turn: TurnContext, outcome: Outcome[TurnResult]) -> None:
        """Of a turn that gets no answer on purpose; others stay unread, for a person."""
        result = None if isinstance(outcome, Done) else outcome.result
        if isinstance(result, NoReply) and result.outcome == "recorded":
            self._publish(turn, "recorded", self._clock.now())

    def _publish(self, turn: TurnContext, state: str, since: datetime) -> None:
        now = self._clock.now()
        event = progress_event(turn, state, since, now, now + timedelta(seconds=REPEAT_SECONDS))
        with suppress(BufferError, KafkaException):
            self._producer.produce(
                TURNS_PROGRESS,
                event.conversation,
                event.encode(),
                trace_headers(event.trace_id),
                lambda _: None,
            )


def progress_event(
    turn: TurnContext, state: str, since: datetime, now: datetime, until: datetime
) -> TurnProgress:
    """Every pending message is the contact's, so it has a wamid."""
    conversation = turn.conversation
    return TurnProgress(
        event_id=event_id("turn_progress", conversation.tenant_id, turn.turn_id, state, now),
        trace_id=turn.trace_id,
        tenant_id=conversation.tenant_id,
        occurred_at=now,
        phone_number_id=conversation.phone_number_id,
        contact_id=conversation.contact_id,
        state=state,
        wamid=turn.pending[-1].wamid or "",
        messages=len(turn.pending),
        since=since,
        until=until,
    )
