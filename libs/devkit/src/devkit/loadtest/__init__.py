"""Load with a ledger: signed webhooks at a given rate, and proof of what became of each."""

from devkit.loadtest.plan import Endpoints, LoadPlan, LoadTenant
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load

__all__ = ["Endpoints", "LoadPlan", "LoadReport", "LoadTenant", "run_load"]
