"""Sends records again, marked as replayed. What they cause is known downstream by its ids, so a
replay never answers twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from common.kafka.dead_letter import PREFIX
from common.kafka.kafka_access import report_refusal
from common.kafka.producer import Headers, producer_config
from common.kafka.record import REPLAY_ID, REPLAYED, REPLAYED_FROM, Record
from common.service.settings import KafkaSettings
from common.topics import (
    BY_NAME,
    DELIVERIES_EVENTS,
    REPLIES_OUTBOUND,
    USAGE_EVENTS,
    WEBHOOKS_QUARANTINE,
    WEBHOOKS_RAW,
    Topic,
)
from tenant_admin.core.problems import refuse
from tenant_admin.replay.read import read

DEADLINE_SECONDS = 30.0
QUEUE_BYTES = 16 << 20
FULL_SECONDS = 0.1
DLQ = ".dlq"
# Rows by which a repeat is known are kept 22 days at least, and a dead letter may be a webhook that
# Meta had repeated for 7: what is older could be answered a second time.
LONGEST_AGE = timedelta(days=14)
# What is sent to phones without being decided upon again, and what is counted as money.
BILLED = frozenset({REPLIES_OUTBOUND, DELIVERIES_EVENTS, USAGE_EVENTS})
CLOCKS_DIFFER = timedelta(minutes=5)
OURS = frozenset({REPLAYED, REPLAY_ID, REPLAYED_FROM})
Position = tuple[int, int]  # partition, offset


class ReplayMarks(NamedTuple):
    """What is written into the headers of each record: which replay, by whom, why, since when."""

    replay_id: str
    by: str
    reason: str
    started: datetime


def target_of(topic: str, billed: bool) -> Topic:
    """Where a topic's records may be sent again. RequestRefused for what only services write, and
    for what costs money unless `billed`."""
    original = topic.removesuffix(DLQ)
    if topic in (WEBHOOKS_RAW.name, WEBHOOKS_QUARANTINE.name):
        return WEBHOOKS_RAW
    if original == topic or original not in BY_NAME:
        fix = "use webhooks.raw, webhooks.quarantine or a .dlq"
        refuse(422, "topic", f"{topic} cannot be sent again", fix)
    target = BY_NAME[original]
    if target in BILLED and not billed:
        fix = "look at them with `list`; then say --billed"
        refuse(422, "topic", f"{original} is sent to phones, or counted as money", fix)
    return target


def oldest_allowed(since: datetime | None, now: datetime) -> datetime:
    """From when on records are sent. Refused where that is not what was asked for."""
    oldest = now - LONGEST_AGE
    if since is not None and since < oldest - timedelta(minutes=1):
        message = f"is more than {LONGEST_AGE.days} days ago"
        refuse(422, "since", message, "what is older could be answered twice")
    return max(since or oldest, oldest)


def replay_headers(record: Record, marks: ReplayMarks) -> Headers:
    """The record's own headers, without what dead-lettering and earlier replays added."""
    kept = [
        pair
        for pair in record.headers.items()
        if not pair[0].startswith(PREFIX) and pair[0] not in OURS
    ]
    added = {
        REPLAYED: f"{marks.started.isoformat(timespec='seconds')} {marks.by}: {marks.reason}",
        REPLAY_ID: marks.replay_id,
        REPLAYED_FROM: f"{record.partition}:{record.offset}",
    }
    return [*kept, *((name, value.encode()) for name, value in added.items())]


def positions_sent(kafka: KafkaSettings, topic: Topic, marks: ReplayMarks) -> set[Position]:
    """What of this replay the broker has already."""
    copies = read(kafka, topic.name, marks.started - CLOCKS_DIFFER)
    return {origin for record in copies if (origin := origin_of(record, marks.replay_id))}


def origin_of(record: Record, replay_id: str) -> Position | None:
    """Where a copy that the replay made was read; None for any other record."""
    if record.header_text(REPLAY_ID) != replay_id:
        return None
    partition, _, offset = record.header_text(REPLAYED_FROM).partition(":")
    return int(partition), int(offset)


class ReplayProducer:
    """Sends what it is given, in little memory: while its queue is full it waits.

    `sent`: what the broker has acknowledged; `failed`: what it has not.
    """

    def __init__(self, kafka: KafkaSettings, topic: Topic, per_second: int | None = None) -> None:
        config = producer_config(kafka, deadline_ms=int(DEADLINE_SECONDS * 1000), linger_ms=5)
        config["queue.buffering.max.kbytes"] = QUEUE_BYTES >> 10
        self._producer = Producer(config)
        self._topic, self._name = topic, kafka.topic_name(topic.name)
        self._seconds = 1 / per_second if per_second else 0.0
        self._next = monotonic()
        self.given = self.sent = self.refused = 0

    @property
    def failed(self) -> int:
        """Of those that were given; those still on their way count until `finish`."""
        return self.given - self.sent

    def send_all(self, records: Iterable[tuple[Record, Headers]]) -> None:
        """Ends early when one is refused or lost: `failed` is then more than 0."""
        for record, headers in records:
            self._wait_for_turn()
            self._produce(record, headers)
            if self.refused:
                return

    def finish(self) -> None:
        self._producer.flush(DEADLINE_SECONDS + 1)

    def _wait_for_turn(self) -> None:
        self._producer.poll(0)
        while (left := self._next - monotonic()) > 0:
            self._producer.poll(left)
        self._next = max(self._next, monotonic() - 1) + self._seconds

    def _produce(self, record: Record, headers: Headers) -> None:
        while not self.refused:
            try:
                self._producer.produce(
                    self._name,
                    record.value,
                    key=record.key,
                    headers=list(headers),
                    on_delivery=self._on_delivery,
                )
            except BufferError:
                self._producer.poll(FULL_SECONDS)
                continue
            self.given += 1
            return

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.sent += 1
        else:
            self.refused += 1
            report_refusal(error, self._topic.name)
