"""What a service says about its due rows, and the limits it sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection

from common.outbox import OutboxRow
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.table import Claim, Hint, Transition, WorkState

FAILED_TRIES = 5

I = TypeVar("I")  # noqa: E741 - the item a handler gets
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Handled(Generic[I, R]):
    """A handled item whose claim still stood: its effects are to be stored now."""

    claim: Claim
    item: I
    outcome: Outcome[R]


class WorkHandler(Protocol[I, R]):
    """What a service does with its due rows."""

    def load(self, connection: Connection, claims: Sequence[Claim]) -> Sequence[I]:
        """In the claim's transaction: the items to handle, in the order of the claims."""

    async def handle(self, claim: Claim, item: I) -> Outcome[R]:
        """No connection, no commit. Whatever it raises counts as a failed try."""

    def store(
        self, connection: Connection, handled: Sequence[Handled[I, R]]
    ) -> tuple[Sequence[OutboxRow], Sequence[Hint]]:
        """In the finish's transaction: effects, outbox rows to publish and rows that became due."""


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """slots: rows claimed at once. deadline: seconds of one handle. The lease outlives it."""

    slots: int = 500
    deadline: float = 60.0

    @property
    def lease(self) -> float:
        return self.deadline + 30.0


def transition_of(claim: Claim, outcome: Outcome[Any]) -> Transition:
    match outcome:
        case Done(reason=reason):
            return Transition(claim, WorkState.DONE, 0, reason)
        case Later(seconds=seconds, reason=reason):
            return Transition(claim, WorkState.WAITING, seconds, reason)
        case Dropped(reason=reason):
            return Transition(claim, WorkState.DROPPED, 0, reason)


def after_failure(claim: Claim, error: Exception) -> Outcome[Any]:
    """An unexpected error: again after 1, 2, 4, 8 s, then given up."""
    name = type(error).__name__
    if claim.attempts >= FAILED_TRIES:
        return Dropped(f"always_fails:{name}")
    return Later(2.0 ** (claim.attempts - 1), f"failed:{name}")
