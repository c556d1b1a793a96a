"""Kafka records as plain values: one that was read, with its position, and one to publish."""

from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import Message

from common.topics import Topic

# Headers of what an operator sends again.
REPLAYED = "replayed"  # who, when and why
REPLAY_ID = "replay-id"  # the same for all records of one replay
REPLAYED_FROM = "replayed-from"  # where it was read: partition:offset


@dataclass(frozen=True, slots=True)
class Record:
    """timestamp_ms is the broker's or producer's create time, 0 when absent."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes] = field(default_factory=dict)
    timestamp_ms: int = 0

    @property
    def topic_partition(self) -> tuple[str, int]:
        return self.topic, self.partition

    @property
    def key_text(self) -> str:
        """Keys of ours are UTF-8; what is not is shown with replacement characters."""
        return (self.key or b"").decode("utf-8", "replace")

    def header_text(self, name: str) -> str:
        """ "" where the header is absent."""
        return self.headers.get(name, b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to publish. `value` None is a tombstone."""

    topic: Topic
    key: str
    value: bytes | None
    headers: list[tuple[str, bytes]]


def record_of(message: Message, topic: str) -> Record:
    """`topic`: by its name in topics.py, whatever prefix it has at the broker."""
    kind, timestamp = message.timestamp()
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Record(
        topic=topic,
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=as_bytes(message.key()),
        value=as_bytes(message.value()),
        headers={name: as_bytes(value) or b"" for name, value in headers},
        timestamp_ms=timestamp if kind else 0,
    )


def as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
