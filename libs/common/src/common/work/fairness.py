"""Fairness among tenants as pure numbers (measured shapes: a flood must not hide a neighbour)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

MAX_TENANTS = 200
CLAIM_AT_MOST = 50  # more starts in one loop pass would stall the loop
SUSPECT_CLAIMS = 5  # claims in a row without a result: perhaps the row ends its process


class Due(NamedTuple):
    """A row that is due. `unfinished`: claims in a row that had no result."""

    id: int
    tenant_id: int
    unfinished: int

    @property
    def is_suspect(self) -> bool:
        return self.unfinished >= SUSPECT_CLAIMS


@dataclass(frozen=True, slots=True)
class ClaimBudget:
    """How many rows one claim may take.

    take: in all. share: of one tenant, with what it has running. general: without the reserve for
    tenants that have little running. fair: the rank within a tenant that may use the reserve.
    """

    take: int
    share: int
    general: int
    fair: int


def claim_budget(slots: int, running: int, active_tenants: int) -> ClaimBudget:
    """One tenant has at most half of the slots; a fifth is kept for tenants that have little."""
    free = slots - running
    reserve = slots // 5
    return ClaimBudget(
        take=max(0, min(free, CLAIM_AT_MOST)),
        share=share_of(slots),
        general=max(0, free - reserve),
        fair=max(1, (slots - reserve) // (active_tenants + 1)),
    )


def share_of(slots: int) -> int:
    return max(1, slots // 2)


def is_held_back(slots: int, running: Mapping[int, int]) -> bool:
    """Limits, not a lack of rows, may have ended the last claim: a slot that comes free counts.

    running: tenant_id -> claimed rows.
    """
    general = slots - slots // 5
    return sum(running.values()) >= general or max(running.values(), default=0) >= share_of(slots)


def each_of(take: int) -> int:
    """How many due rows to read of each tenant, where many have some."""
    return -(-take // MAX_TENANTS) + 2


def choose(
    due: Iterable[Due], running: Mapping[int, int], budget: ClaimBudget, take: int
) -> list[int]:
    """At most `take` ids to claim: first what stands first within its tenant, oldest first.

    due: oldest first; a row may be there twice. running: tenant_id -> claimed rows. At most one
    suspect is taken, so that what ends the process is known before it has ended others' claims
    twenty times.
    """
    ranks = Counter(running)
    ranked: dict[int, int] = {}
    suspects = 0
    for row in due:
        suspects += row.is_suspect
        if (
            row.id not in ranked
            and ranks[row.tenant_id] < budget.share
            and not (row.is_suspect and suspects > 1)
        ):
            ranks[row.tenant_id] += 1
            ranked[row.id] = ranks[row.tenant_id]
    chosen: list[int] = []
    for id in sorted(ranked, key=ranked.__getitem__):
        if len(chosen) < take and (len(chosen) < budget.general or ranked[id] <= budget.fair):
            chosen.append(id)
    return chosen
