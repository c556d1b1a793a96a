"""A bounded memory of facts that may change."""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ExpiringMap(Generic[K, V]):
    """The `size` values put last, each for `seconds`. monotonic: seconds that never step back."""

    def __init__(self, seconds: float, size: int, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._size = size
        self._monotonic = monotonic
        self._entries: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        until, value = self._entries.get(key, (0.0, None))
        return value if self._monotonic() < until else None

    def put(self, key: K, value: V) -> None:
        self._entries.pop(key, None)
        self._entries[key] = (self._monotonic() + self._seconds, value)
        if len(self._entries) > self._size:
            del self._entries[next(iter(self._entries))]
