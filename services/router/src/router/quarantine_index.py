"""Where the records of unknown numbers are in `webhooks.quarantine`: offsets only, no bytes."""

from collections import deque
from itertools import islice
from typing import NamedTuple

MOST_PER_NUMBER = 20_000  # 40 bytes each


class NumberPartition(NamedTuple):
    """One number's records in one partition; as the number is their key, usually all of them."""

    number: str
    partition: int


class QuarantineIndex:
    """Which records wait, and how far each partition was read.

    What is asked again and again costs a look at each number, however many of its records wait.
    """

    def __init__(self, most: int = MOST_PER_NUMBER) -> None:
        self._most = most
        self._waiting: dict[NumberPartition, deque[int]] = {}  # ascending offsets, never empty
        self._next: dict[int, int] = {}

    def add(self, number: str, partition: int, offset: int) -> bool:
        """To be called in the order of the offsets. False: there were `most` already, and the
        oldest gave way."""
        place = NumberPartition(number, partition)
        offsets = self._waiting.setdefault(place, deque(maxlen=self._most))
        is_full = len(offsets) == self._most
        offsets.append(offset)
        return not is_full

    def mark_read(self, partition: int, offset: int) -> None:
        """This record was read; the one after it is next."""
        self._next[partition] = offset + 1

    def numbers(self) -> list[NumberPartition]:
        return list(self._waiting)

    def first_offsets(self, place: NumberPartition, most: int) -> list[int]:
        """In the order in which they came; empty when none waits."""
        return list(islice(self._waiting.get(place, ()), most))

    def remove_first(self, place: NumberPartition, count: int) -> None:
        offsets = self._waiting[place]
        for _ in range(count):
            offsets.popleft()
        if not offsets:
            del self._waiting[place]

    def drop_partition(self, partition: int) -> None:
        """Another replica owns it now and reads it from the committed offset."""
        self._next.pop(partition, None)
        for place in self.numbers():
            if place.partition == partition:
                del self._waiting[place]

    def committable(self) -> dict[int, int]:
        """What to commit: up to the lowest offset that still waits, else all that was read."""
        lowest = dict(self._next)
        for place, offsets in self._waiting.items():
            lowest[place.partition] = min(offsets[0], lowest[place.partition])
        return lowest
