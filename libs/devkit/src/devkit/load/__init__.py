"""Load with a ledger: signed webhooks at a given rate, and proof of what became of each."""

from devkit.load.plan import Endpoints, LoadPlan, LoadTenant
from devkit.load.report import LoadReport
from devkit.load.run import run_load

__all__ = ["Endpoints", "LoadPlan", "LoadReport", "LoadTenant", "run_load"]
