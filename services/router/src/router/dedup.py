"""What this process has routed already, so that Meta's repeats go no further.

Only a saving: a crash or a rebalance forgets, and the assistant and the sender store each wamid
once anyway. So it may forget but never claim too much: add after the records are made.
"""

from collections import OrderedDict
from collections.abc import Iterable

ItemKey = tuple[str, ...]


class RecentlyRouted:
    """The newest `limit` keys; about 400 bytes each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: OrderedDict[ItemKey, None] = OrderedDict()  # a dict is slow at its old end

    def __contains__(self, key: ItemKey) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, keys: Iterable[ItemKey]) -> None:
        for key in keys:
            self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)
