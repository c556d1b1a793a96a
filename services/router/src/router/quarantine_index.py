"""Where the records of unknown numbers are in `webhooks.quarantine`: offsets only, no bytes."""

from dataclasses import dataclass, field
from typing import NamedTuple


class RecordOffset(NamedTuple):
    partition: int
    offset: int


@dataclass
class QuarantineIndex:
    """Per partition: what waits, and how far the topic was read."""

    _waiting: dict[str, set[RecordOffset]] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)

    def add(self, number: str, partition: int, offset: int) -> None:
        self._waiting.setdefault(number, set()).add(RecordOffset(partition, offset))

    def mark_read(self, partition: int, offset: int) -> None:
        """This record was read; the one after it is next."""
        self._next[partition] = offset + 1

    def numbers(self) -> list[str]:
        return list(self._waiting)

    def offsets_of(self, number: str, most: int) -> list[RecordOffset]:
        """The first of this number, in the order in which they came."""
        return sorted(self._waiting.get(number, ()))[:most]

    def remove(self, number: str, offsets: list[RecordOffset]) -> None:
        waiting = self._waiting.get(number, set()).difference(offsets)
        self._replace(number, waiting)

    def drop_partition(self, partition: int) -> None:
        """Another replica owns it now and reads it from the committed offset."""
        self._next.pop(partition, None)
        for number, offsets in list(self._waiting.items()):
            self._replace(number, {other for other in offsets if other.partition != partition})

    def committable(self) -> dict[int, int]:
        """What to commit: up to the lowest offset that still waits, else all that was read."""
        lowest = dict(self._next)
        for offsets in self._waiting.values():
            for partition, offset in offsets:
                lowest[partition] = min(offset, lowest.get(partition, offset))
        return lowest

    def _replace(self, number: str, waiting: set[RecordOffset]) -> None:
        if waiting:
            self._waiting[number] = waiting
        else:
            self._waiting.pop(number, None)
