"""Load through a running system while a nemesis does its work, judged by the ledger."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from tests.support.system import RunningSystem
from tests.support.waiting import eventually_async

from devkit.loadtest import LoadReport, run_load
from devkit.loadtest.evidence import Token, tokens_in
from devkit.loadtest.options import DOUBT_PATIENCE, LoadOptions, plan_of

SMALL = LoadOptions(clients=3, contacts=8, messages=6, rate=30, duplicates=1)
QUIET = 2.0


async def under_load(
    system: RunningSystem, nemesis: Coroutine[Any, Any, None], load: LoadOptions = SMALL
) -> LoadReport:
    """The report of a run with fresh clients. Fails on a nemesis that fails."""
    clients = [(await system.add_client()).client for _ in range(load.clients)]
    plan = plan_of(system.stack.installation, load, clients)
    plan = replace(plan, quiet_seconds=QUIET, patience_seconds=DOUBT_PATIENCE)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(run_load(plan, system.stack.installation.endpoints))
        group.create_task(nemesis)
    return running.result()


def assert_kept(report: LoadReport) -> None:
    """Nothing lost, twice, out of order, crossed or dead, and all of it was answered."""
    assert report.ok, report.as_json_line()
    assert report.result.accepted == report.plan.total, report.as_json_line()
    assert report.result.outcomes == {"answered": report.plan.total}, report.as_json_line()


async def model_calls(system: RunningSystem, report: LoadReport) -> dict[Token, list[float]]:
    """When the model was asked about each message of a run whose contacts wrote once, in seconds
    since 1970; oldest first. The emulator remembers 1,000 calls."""
    calls: defaultdict[Token, list[float]] = defaultdict(list)
    tenants = {tenant.tenant for tenant in report.plan.tenants}
    for prompt in await system.prompts("[[ledger:", limit=1000):
        for token in tokens_in(json.dumps(prompt["body"])):
            if token.tenant in tenants:
                calls[token].append(prompt["at"])
    assert len(calls) == report.plan.total, "every message was asked about"
    return calls


async def wait_for_calls_under_way(system: RunningSystem, number: int) -> None:
    """Until so many turns wait for the model at once."""

    async def are_under_way() -> bool:
        return (await system.model_calls())["in_flight"] >= number

    await eventually_async(are_under_way, f"{number} calls of the model at once")
