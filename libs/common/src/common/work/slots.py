"""The rows that this process has claimed, and how many more it may claim. Thread-safe."""

import threading
from collections import Counter
from collections.abc import Iterable

from common.work.fairness import ClaimBudget, claim_budget, is_held_back
from common.work.table import Claim


class Slots:
    """`backlog`: rows are known to wait for slots, so a sweep should not wait for its time.

    `claiming` is held from before a claim is stored until it is acquired here: in between the rows
    stand as ours, and nobody may take them for claims whose answer was lost. `unconfirmed`: that
    may be so for the last claim.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.claiming = threading.Lock()
        self.unconfirmed = False
        self.backlog = False
        self.in_flight: set[Claim] = set()
        self.running: Counter[int] = Counter()  # of in_flight, by tenant
        self._held_back = False
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        return max(0, self.slots - len(self.in_flight))

    @property
    def budget(self) -> ClaimBudget:
        return claim_budget(self.slots, len(self.in_flight), len(self.running))

    def has_room(self, rows: int) -> bool:
        """Whether so many may be claimed without asking who else waits: less than half of the slots
        are taken, so that no tenant can have more than its share, and nothing waits for one."""
        return not self.backlog and len(self.in_flight) + rows <= self.slots // 2

    def acquire(self, claims: Iterable[Claim]) -> None:
        with self._lock:
            for claim in claims:
                self.in_flight.add(claim)
                self.running[claim.tenant_id] += 1

    def release(self, claims: Iterable[Claim]) -> None:
        with self._lock:
            for claim in claims:
                self.in_flight.discard(claim)
                self.running[claim.tenant_id] -= 1
            self.running += Counter()  # forgets tenants at zero
            self.backlog |= self._held_back

    def held(self) -> list[Claim]:
        with self._lock:
            return list(self.in_flight)

    def running_now(self) -> dict[int, int]:
        """tenant_id -> claimed rows."""
        with self._lock:
            return dict(self.running)

    def note_sweep(self, chosen: int, allowed: int) -> None:
        """A sweep that used its whole budget leaves more behind; so may one that limits ended."""
        self.backlog = chosen >= allowed
        self._held_back = is_held_back(self.slots, self.running_now())
