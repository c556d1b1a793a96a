"""Due work in PostgreSQL: claimed fairly, run concurrently, finished once. See work/runner.py."""

from common.work.contract import Limits, Settled, Work
from common.work.outcome import Done, Dropped, Later, Outcome
from common.work.owner import Owner
from common.work.runner import Runner
from common.work.table import Claim, Hint, WorkTable

__all__ = [
    "Claim",
    "Done",
    "Dropped",
    "Hint",
    "Later",
    "Limits",
    "Outcome",
    "Owner",
    "Runner",
    "Settled",
    "Work",
    "WorkTable",
]
