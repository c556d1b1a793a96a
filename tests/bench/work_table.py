"""`python -m tests.bench.work_table`: due work at sizes where it was slow, on a real PostgreSQL.

One JSON document on stdout, progress on stderr.
"""

import asyncio
import time
from statistics import median
from typing import Any

import orjson
from tests.bench.work_rows import Rows, filled_table, running_work, timed_sweeps
from tests.bench.work_waiting import HOUR, beside_waiting_tenants, under_overload

from common.work import Claim
from devkit.check_result import show_progress
from devkit.stack.home import temporary_home
from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres

# Open rows, tenants, finished rows.
SIZES = (
    (100_000, 10, 1_000_000),
    (20_000, 20_000, 0),
    (100_000, 1_000, 0),
    (100_000, 1_000, 1_000_000),
    (100_000, 1, 1_000_000),
)
TURNS_SECONDS, SWEEPS = 15.0, 20
HEADS = ((10_000, 3), (10, 10_000))  # conversations, open rows of each
HEAD_SWEEPS = 5
WAITING_TENANTS = (2_000, 20_000)


async def measure(postgres: LocalPostgres) -> dict[str, Any]:
    return {
        "turns": [await turns(postgres, *size) for size in SIZES],
        "behind_waiting_heads": [behind_waiting_heads(postgres, *size) for size in HEADS],
        "unhinted_under_overload": await under_overload(postgres),
        "unhinted_beside_waiting_tenants": [
            await beside_waiting_tenants(postgres, tenants) for tenants in WAITING_TENANTS
        ],
    }


async def turns(postgres: LocalPostgres, rows: int, tenants: int, finished: int) -> dict[str, Any]:
    """Turns a second from a backlog, by a handler that does nothing."""
    show_progress(f"{rows} open rows of {tenants} tenants, {finished} finished")
    tenant, name = f"1 + mod(number, {tenants})", f"turns_{rows}_{tenants}_{finished}"
    history = Rows(finished, tenant, finished=True)
    url = filled_table(postgres, name, history, Rows(rows, tenant))
    sweep = median(timed_sweeps(url, SWEEPS))
    async with running_work(url, nothing) as work:
        began = time.monotonic()
        while work.handler.finished < rows and time.monotonic() < began + TURNS_SECONDS:
            await asyncio.sleep(0.05)
        per_second = work.handler.finished / (time.monotonic() - began)
    return {
        "open_rows": rows,
        "tenants": tenants,
        "finished_rows": finished,
        "turns_per_second": round(per_second),
        "sweep_p50_ms": round(sweep, 1),
    }


async def nothing(claim: Claim) -> None:
    """The work of a handler that costs nothing."""


def behind_waiting_heads(postgres: LocalPostgres, heads: int, each: int) -> dict[str, Any]:
    """The first row of each conversation is due in an hour, those behind it are due now."""
    show_progress(f"{heads} conversations whose first of {each} rows waits")
    contact, due = f"mod(number, {heads})", f"case when number <= {heads} then {HOUR} else 0 end"
    url = filled_table(postgres, f"heads_{heads}", Rows(heads * each, contact=contact, due=due))
    sweep = median(timed_sweeps(url, HEAD_SWEEPS))
    return {"conversations": heads, "rows_of_each": each, "sweep_p50_ms": round(sweep, 1)}


def main() -> None:
    with temporary_home() as home:
        postgres = LocalPostgres.start(home, free_ports(1)[0], announce=show_progress)
        try:
            result = asyncio.run(measure(postgres))
        finally:
            postgres.stop()
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
