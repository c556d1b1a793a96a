"""What a service says about its due rows, and the limits it sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from common.outbox_rows import OutboxRow
from common.postgres.connection import Connection, Statement
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.schema import WorkState
from common.work.table import Claim, ClaimKey, Hint, Transition

FAILED_TRIES = 5
POISON_CLAIMS = 20

I = TypeVar("I")  # noqa: E741 - the item a handler gets
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Handled(Generic[I, R]):
    """A handled item: its effects are to be stored where its claim still stands. `failed`: the
    handler raised."""

    claim: Claim
    item: I
    outcome: Outcome[R]
    failed: bool = False

    @property
    def transition(self) -> Transition:
        match self.outcome:
            case Done(reason=reason):
                state, delay = WorkState.DONE, 0.0
            case Later(seconds=seconds, reason=reason):
                state, delay = WorkState.WAITING, seconds
            case Dropped(reason=reason):
                state, delay = WorkState.DROPPED, 0.0
        return Transition(self.claim, state, delay, reason, self.failed)


class Stored(NamedTuple):
    """What a finish did.

    stood: the claims that still stood. rows: to be published now. hints: what became due.
    """

    stood: set[ClaimKey]
    rows: Sequence[OutboxRow]
    hints: Sequence[Hint]


class WorkHandler(Protocol[I, R]):
    """What a service does with its due rows."""

    def item_of(self, row: Any, claimed_at: float) -> I:
        """The item of a claimed row, as the claim's statement returned it. claimed_at: monotonic
        seconds. What it raises counts as a failed try."""

    async def handle(self, claim: Claim, item: I) -> Outcome[R]:
        """No connection, no commit. Whatever it raises counts as a failed try."""

    def key_of(self, item: I) -> str:
        """The key of the events that the item causes."""

    def finish_columns(self, handled: Handled[I, R]) -> dict[str, Any] | None:
        """Values for the columns of WorkTable's `finish`; None where the row keeps its own."""

    def store(
        self,
        connection: Connection,
        finish: Sequence[Statement],
        handled: Sequence[Handled[I, R]],
    ) -> Stored:
        """In the finish's transaction: runs `finish`, which moves the rows, then stores the effects
        and events of those whose claim stood. It may commit with its last statements."""


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """slots: rows claimed at once. deadline: seconds of one handle. The lease outlives it."""

    slots: int = 500
    deadline: float = 60.0

    @property
    def lease(self) -> float:
        return self.deadline + 30.0


def after_failure(claim: Claim, error: Exception) -> Outcome[Any]:
    """An unexpected error: again after 1, 2, 4, 8 s, then given up."""
    name = type(error).__name__
    if claim.failures + 1 >= FAILED_TRIES:
        return Dropped(f"always_fails:{name}")
    return Later(2.0**claim.failures, f"failed:{name}")


def is_poison(claim: Claim) -> bool:
    """It was claimed again and again without a result: handling it may end the process."""
    return claim.unfinished > POISON_CLAIMS
