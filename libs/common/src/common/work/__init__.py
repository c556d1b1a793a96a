"""Due work in PostgreSQL: claimed fairly, run concurrently, finished once. See work/runner.py."""

from common.work.contract import Handled, WorkHandler, WorkLimits
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.owner import Owner
from common.work.runner import Runner
from common.work.table import Claim, Hint, WorkState, WorkTable

__all__ = [
    "Claim",
    "Done",
    "Dropped",
    "Handled",
    "Hint",
    "Later",
    "Outcome",
    "Owner",
    "Runner",
    "WorkHandler",
    "WorkLimits",
    "WorkState",
    "WorkTable",
]
