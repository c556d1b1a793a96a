"""Due work in PostgreSQL: claimed fairly, run concurrently, finished once. See work/runner.py."""

from common.work.contract import Handled, Stored, WorkHandler, WorkLimits
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.owner import Owner
from common.work.runner import Lease, Runner
from common.work.schema import WorkState
from common.work.table import Claim, Hint, WorkTable

__all__ = [
    "Claim",
    "Done",
    "Dropped",
    "Handled",
    "Hint",
    "Later",
    "Lease",
    "Outcome",
    "Owner",
    "Runner",
    "Stored",
    "WorkHandler",
    "WorkLimits",
    "WorkState",
    "WorkTable",
]
