"""Fairness among tenants as pure numbers (measured shapes: a flood must not hide a neighbour)."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_TENANTS = 200
CLAIM_AT_MOST = 50  # more starts in one loop pass would stall the loop


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
