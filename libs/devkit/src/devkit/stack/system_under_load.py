"""`make load`: the ledger over a system of its own, with or without a `kill -9` in the middle."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from devkit.loadtest.options import Load, prepared
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running
from devkit.verdict import aside


async def load(wanted: Load, kill: Sequence[str] = ()) -> LoadReport:
    """kill: services to kill -9 once each, spread over the run, in this order."""
    with temporary_home() as home:
        async with running(plan_for(home, partitions=None), aside, sys.stderr) as system:
            plan = await prepared(system.place, wanted)
            async with killing(system, wanted, kill):
                return await run_load(plan, system.place.endpoints)


@asynccontextmanager
async def killing(system: System, wanted: Load, kill: Sequence[str]) -> AsyncIterator[None]:
    """Kills each named service once while the load runs; the stack starts it again."""
    task = asyncio.create_task(kill_in_turn(system, wanted, kill))
    yield
    await task


async def kill_in_turn(system: System, wanted: Load, kill: Sequence[str]) -> None:
    pause = wanted.seconds / (len(kill) + 1)
    for service in kill:
        await asyncio.sleep(pause)
        system.children.kill(service)
