"""`make load`: the ledger over a system of its own, with or without a `kill -9` in the middle."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from devkit.check_result import show_progress
from devkit.loadtest.options import LoadOptions, prepare_plan
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running


async def run_under_load(options: LoadOptions, kill: Sequence[str] = ()) -> LoadReport:
    """kill: services to kill -9 once each, spread over the run, in this order."""
    with temporary_home() as home:
        async with running(plan_for(home, partitions=None), show_progress, sys.stderr) as system:
            plan = await prepare_plan(system.installation, options)
            async with killing(system, options, kill):
                return await run_load(plan, system.installation.endpoints)


@asynccontextmanager
async def killing(system: System, options: LoadOptions, kill: Sequence[str]) -> AsyncIterator[None]:
    """Kills each named service once while the load runs; the stack starts it again."""
    task = asyncio.create_task(kill_in_turn(system, options, kill))
    yield
    await task


async def kill_in_turn(system: System, options: LoadOptions, kill: Sequence[str]) -> None:
    pause = options.seconds / (len(kill) + 1)
    for service in kill:
        await asyncio.sleep(pause)
        system.children.kill(service)
