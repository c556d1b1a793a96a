"""How long a due row without a hint waits to be started: it may be a dead process's."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.work_rows import Rows, RunningWork, add_due_row, filled_table, running_work

from common.work import Claim
from devkit.stack.postgres import LocalPostgres

# Twenty slots of 0.2 s are 100 rows a second.
OVERLOAD_SLOTS, OVERLOAD_HANDLE, OVERLOAD_RATE = 20, 0.2, 150
OVERLOAD_TENANTS = range(1, 11)
OVERLOADED_AFTER, UNHINTED_TENANTS = 10.0, range(11, 16)
HOUR = "3600"
LONGEST_WAIT, OFFER_EVERY, LOOK_EVERY = 90.0, 0.1, 0.05


class Starts:
    """A handler that takes `seconds` and notes when each tenant's first row started."""

    def __init__(self, seconds: float = 0) -> None:
        self._seconds = seconds
        self.at: dict[int, float] = {}

    async def handle(self, claim: Claim) -> None:
        self.at.setdefault(claim.tenant_id, time.monotonic())
        await asyncio.sleep(self._seconds)


async def under_overload(postgres: LocalPostgres) -> dict[str, Any]:
    """More hinted rows come than the slots can take; five rows of other tenants have no hint."""
    url, starts = filled_table(postgres, "overload"), Starts(OVERLOAD_HANDLE)
    async with running_work(url, starts.handle, OVERLOAD_SLOTS) as work:
        offering = asyncio.create_task(offer(work))
        await asyncio.sleep(OVERLOADED_AFTER)
        result = await until_started(url, starts, UNHINTED_TENANTS)
        offering.cancel()
    return result


async def offer(work: RunningWork) -> None:
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * OVERLOAD_RATE)
        tenants = [OVERLOAD_TENANTS[number % len(OVERLOAD_TENANTS)] for number in range(sent, due)]
        await work.add_hinted_rows(tenants)
        sent = due
        await asyncio.sleep(OFFER_EVERY)


async def beside_waiting_tenants(postgres: LocalPostgres, tenants: int) -> dict[str, Any]:
    """So many tenants have a row that is due in an hour, as when the model is away for all."""
    url = filled_table(postgres, f"waiting_{tenants}", Rows(tenants, tenant="number", due=HOUR))
    starts = Starts()
    async with running_work(url, starts.handle):
        return {"waiting_tenants": tenants, **await until_started(url, starts, [tenants + 1])}


async def until_started(url: str, starts: Starts, tenants: Sequence[int]) -> dict[str, Any]:
    """Adds a due row of each; how many of them started, and after how many seconds each."""
    added = time.monotonic()
    for tenant in tenants:
        await asyncio.to_thread(add_due_row, url, tenant)
    while set(tenants) - set(starts.at) and time.monotonic() < added + LONGEST_WAIT:
        await asyncio.sleep(LOOK_EVERY)
    seconds = sorted(starts.at[tenant] - added for tenant in tenants if tenant in starts.at)
    return {
        "rows": len(tenants),
        "started": len(seconds),
        "after_seconds": [round(each, 2) for each in seconds],
        "waited_seconds": round(time.monotonic() - added, 1),
    }
