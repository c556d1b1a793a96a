"""The rows that this process holds, and the room that is left. Loop thread only."""

from collections import Counter
from collections.abc import Iterable

from common.work.fairness import Room, is_held_back, room
from common.work.table import Claim


class Hand:
    """`backlog`: rows are known to wait for slots, so a sweep should not wait for its time."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.held: set[Claim] = set()
        self.running: Counter[int] = Counter()  # of held, by tenant
        self.backlog = False
        self._held_back = False

    @property
    def free(self) -> int:
        return max(0, self.slots - len(self.held))

    @property
    def room(self) -> Room:
        return room(self.slots, len(self.held), len(self.running))

    def take(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.held.add(claim)
            self.running[claim.tenant_id] += 1

    def let_go(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.held.discard(claim)
            self.running[claim.tenant_id] -= 1
        self.running += Counter()  # forgets tenants at zero
        self.backlog |= self._held_back

    def swept(self, claimed: int, wanted: int) -> None:
        """A sweep that filled its room leaves more behind; so may one that shares held back."""
        self.backlog = claimed >= wanted
        self._held_back = is_held_back(self.slots, self.running)
