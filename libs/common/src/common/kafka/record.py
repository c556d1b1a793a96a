"""One Kafka record as plain values, and where it stood."""

from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import Message

REPLAYED = "replayed"  # header of what an operator sends again: who, when and why


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
    def place(self) -> tuple[str, int]:
        return self.topic, self.partition


def record_of(message: Message) -> Record:
    kind, timestamp = message.timestamp()
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=as_bytes(message.key()),
        value=as_bytes(message.value()),
        headers={name: as_bytes(value) or b"" for name, value in headers},
        timestamp_ms=timestamp if kind else 0,
    )


def as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
