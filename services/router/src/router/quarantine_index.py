"""Where the records of unknown numbers stand in `webhooks.quarantine`: places only, no bytes."""

from dataclasses import dataclass, field

Place = tuple[int, int]  # partition, offset


@dataclass
class Parked:
    """Per partition: what waits, and how far the topic was read."""

    _waiting: dict[str, set[Place]] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)

    def park(self, number: str, partition: int, offset: int) -> None:
        self._waiting.setdefault(number, set()).add((partition, offset))

    def passed(self, partition: int, offset: int) -> None:
        """This record was read; what follows is next."""
        self._next[partition] = offset + 1

    def numbers(self) -> list[str]:
        return list(self._waiting)

    def places(self, number: str, most: int) -> list[Place]:
        """The first places of this number, in the order in which they came."""
        return sorted(self._waiting.get(number, ()))[:most]

    def released(self, number: str, places: list[Place]) -> None:
        left = self._waiting.get(number, set()).difference(places)
        self._keep(number, left)

    def forget(self, partition: int) -> None:
        """Another replica owns it now and reads it from what was committed."""
        self._next.pop(partition, None)
        for number, places in list(self._waiting.items()):
            self._keep(number, {place for place in places if place[0] != partition})

    def offsets(self) -> dict[int, int]:
        """What to commit: up to the lowest place that still waits, else all that was read."""
        lowest = dict(self._next)
        for places in self._waiting.values():
            for partition, offset in places:
                lowest[partition] = min(offset, lowest.get(partition, offset))
        return lowest

    def _keep(self, number: str, left: set[Place]) -> None:
        if left:
            self._waiting[number] = left
        else:
            self._waiting.pop(number, None)
