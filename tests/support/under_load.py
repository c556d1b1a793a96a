"""Load through a running system while a nemesis does its work, judged by the ledger."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from tests.support.system import RunningSystem

from devkit.loadtest import LoadReport, run_load
from devkit.loadtest.options import LoadOptions, plan_of

SMALL = LoadOptions(clients=3, contacts=8, messages=6, rate=30, duplicates=1)
QUIET, PATIENCE = 2.0, 150.0  # a send in doubt is repeated after 90 s


async def under_load(
    system: RunningSystem, nemesis: Coroutine[Any, Any, None], load: LoadOptions = SMALL
) -> LoadReport:
    """The report of a run with fresh clients. Fails on a nemesis that fails."""
    clients = [(await system.add_client()).client for _ in range(load.clients)]
    plan = plan_of(system.stack.installation, load, clients)
    plan = replace(plan, quiet_seconds=QUIET, patience_seconds=PATIENCE)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(run_load(plan, system.stack.installation.endpoints))
        group.create_task(nemesis)
    return running.result()


def assert_kept(report: LoadReport) -> None:
    """Nothing lost, twice, out of order, crossed or dead, and all of it was answered."""
    assert report.ok, report.as_json_line()
    assert report.result.accepted == report.plan.total, report.as_json_line()
    assert report.result.outcomes == {"answered": report.plan.total}, report.as_json_line()
