"""The rows that this process has claimed, and how many more it may claim. Loop thread only."""

from collections import Counter
from collections.abc import Iterable

from common.work.fairness import ClaimBudget, claim_budget, is_held_back
from common.work.table import Claim


class Slots:
    """`backlog`: rows are known to wait for slots, so a sweep should not wait for its time."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.in_flight: set[Claim] = set()
        self.running: Counter[int] = Counter()  # of in_flight, by tenant
        self.backlog = False
        self._held_back = False

    @property
    def free(self) -> int:
        return max(0, self.slots - len(self.in_flight))

    @property
    def budget(self) -> ClaimBudget:
        return claim_budget(self.slots, len(self.in_flight), len(self.running))

    def acquire(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.in_flight.add(claim)
            self.running[claim.tenant_id] += 1

    def release(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.in_flight.discard(claim)
            self.running[claim.tenant_id] -= 1
        self.running += Counter()  # forgets tenants at zero
        self.backlog |= self._held_back

    def note_sweep(self, claimed: int, allowed: int) -> None:
        """A sweep that used its whole budget leaves more behind; so may one that limits ended."""
        self.backlog = claimed >= allowed
        self._held_back = is_held_back(self.slots, self.running)
