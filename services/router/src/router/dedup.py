"""What this process has routed already, so that Meta's repeats go no further.

Only a saving: a crash or a rebalance forgets, and the assistant and the sender store each wamid
once anyway. So it may forget but never claim too much: remember after the records are made.
"""

from collections import OrderedDict
from collections.abc import Iterable

Fact = tuple[str, ...]


class Memory:
    """The newest `limit` facts; about 400 bytes each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._facts: OrderedDict[Fact, None] = OrderedDict()  # a dict is slow at its old end

    def __contains__(self, fact: Fact) -> bool:
        return fact in self._facts

    def __len__(self) -> int:
        return len(self._facts)

    def remember(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._facts[fact] = None
        while len(self._facts) > self._limit:
            self._facts.popitem(last=False)
