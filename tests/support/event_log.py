"""Follows every topic of a running system, so that a test can say what must have been published."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar, cast

from tests.support.records import TopicFollower, count_uncommitted
from tests.support.waiting import SECONDS, eventually_async

from common.events import DeliveryChanged, Event, OutcomeRecorded, ReplyReady
from common.kafka.record import Record
from common.kafka.subscription import group_of
from common.service.settings import KafkaSettings
from common.topics import (
    ALL,
    BY_NAME,
    DELIVERIES_EVENTS,
    MESSAGES_OUTCOME,
    REPLIES_OUTBOUND,
    Topic,
    every_topic,
)

POISON = "poison"  # a header of records that a test has written to do harm
ALL_SECONDS = 240.0  # for the outcomes of many messages; a send in doubt waits 90 s
T = TypeVar("T")
E = TypeVar("E", bound=Event)


class EventLog:
    """All records of all topics from their beginning. One test at a time may wait on it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._records: dict[str, list[Record]] = {}
        self._events: dict[str, list[Event]] = {}
        self._follower = TopicFollower(kafka, every_topic())

    def close(self) -> None:
        self._follower.close()

    def records(self, topic: Topic) -> list[Record]:
        return self._records.get(topic.name, [])

    def all_records(self) -> list[Record]:
        return [record for records in self._records.values() for record in records]

    def decoded(self, topic: Topic, kind: type[E]) -> list[E]:
        assert topic.event is kind
        return cast("list[E]", self._events.get(topic.name, []))

    async def eventually(self, find: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
        """The first true value of `find`, which is asked again after each read."""

        async def read_and_find() -> T:
            await self.read_on()
            return find()

        value: T = find() or await eventually_async(read_and_find, what, seconds, pause=0)
        return value

    async def read_on(self) -> None:
        """What there is now, or comes within 50 ms."""
        for record in await asyncio.to_thread(self._follower.read_on):
            self._take(record)

    def _take(self, record: Record) -> None:
        """Fails on a record of ours that is no event of its topic."""
        self._records.setdefault(record.topic, []).append(record)
        kind = BY_NAME[record.topic].event if record.topic in BY_NAME else None
        if kind and record.value is not None and POISON not in record.headers:
            self._events.setdefault(record.topic, []).append(kind.decode(record.value))

    async def wait_for_outcome(self, wamid: str) -> OutcomeRecorded:
        outcomes = await self.eventually(lambda: self.outcomes(wamid), f"outcome of {wamid}")
        return outcomes[0]

    async def wait_for_outcomes(self, wamids: Iterable[str]) -> Counter[str]:
        """How many of these messages ended how, once each has an end."""
        awaited = set(wamids)
        await self.eventually(lambda: awaited <= set(self._ends()), "every outcome", ALL_SECONDS)
        ends = self._ends()
        return Counter(ends[wamid] for wamid in awaited)

    def _ends(self) -> dict[str, str]:
        """The last correction counts; a copy of an older event may come after it."""
        events = self.decoded(MESSAGES_OUTCOME, OutcomeRecorded)
        in_order = sorted(events, key=lambda event: event.occurred_at)
        return {event.wamid: event.outcome for event in in_order}

    def outcomes(self, wamid: str) -> list[OutcomeRecorded]:
        events = self.decoded(MESSAGES_OUTCOME, OutcomeRecorded)
        return [event for event in events if event.wamid == wamid]

    def replies_to(self, wamid: str) -> list[ReplyReady]:
        events = self.decoded(REPLIES_OUTBOUND, ReplyReady)
        return [event for event in events if wamid in event.answers]

    def states_after(self, wamid: str) -> list[str]:
        """Of the deliveries of all replies to this message."""
        replies = self.replies_to(wamid)
        return [state for reply in replies for state in self.delivery_states(reply.reply_id)]

    def delivery_changes(self, reply_id: str | None) -> list[DeliveryChanged]:
        """What became of a reply, oldest first."""
        events = self.decoded(DELIVERIES_EVENTS, DeliveryChanged)
        return [event for event in events if event.reply_id == reply_id]

    def delivery_states(self, reply_id: str | None) -> list[str]:
        return [change.state for change in self.delivery_changes(reply_id)]

    async def wait_until_read(self, reply_id: str | None) -> None:
        """The contact has the blue ticks."""
        await self.eventually(lambda: "read" in self.delivery_states(reply_id), "blue ticks")


def holds_text(record: Record, text: str) -> bool:
    """Whether the record's JSON holds this whole string, escaped or not."""
    value = record.value or b""
    return json.dumps(text).encode() in value


async def wait_until_consumed(kafka: KafkaSettings) -> None:
    """Returns when every consumer group has committed all that its topic holds."""
    groups = [(topic, by) for topic in ALL if not topic.compacted for by in topic.consumers]
    for topic, service in groups:
        group = group_of(service, topic)

        async def is_consumed(topic: Topic = topic, group: str = group) -> bool:
            return not await asyncio.to_thread(count_uncommitted, kafka, topic, group)

        await eventually_async(is_consumed, f"{service} to consume {topic.name}")
