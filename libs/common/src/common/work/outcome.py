"""What a handler of due work may answer. Only the runner turns it into states."""

from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """Finished; `result` is stored in the same transaction."""

    result: R
    reason: str = "done"


@dataclass(frozen=True, slots=True)
class Later(Generic[R]):
    """Not now: due again in `seconds`. `result`, if any, is stored all the same."""

    seconds: float
    reason: str
    result: R | None = None


@dataclass(frozen=True, slots=True)
class Dropped(Generic[R]):
    """Given up, for a reason that is recorded."""

    reason: str
    result: R | None = None


Outcome = Done[R] | Later[R] | Dropped[R]
