"""`python -m tests.bench [names]`: one JSON document on stdout, progress on stderr."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from tests.bench import brisk_chat, ingress, open_turns, paced, router, trickle, whole
from tests.bench.processes import memory_mib

from devkit.businesses import DEMO, load_client
from devkit.check_result import show_progress
from devkit.loadtest.conversations import add_clients
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running

Benchmark = Callable[[System], Awaitable[dict[str, Any]]]


async def memory(system: System) -> dict[str, Any]:
    return {"rss_mib": memory_mib(system)}


async def turns(system: System) -> dict[str, Any]:
    return await whole.turns(system, rate=320, seconds=15)


async def turns_without_statuses(system: System) -> dict[str, Any]:
    """As they count where Meta's statuses are left out of the comparison."""
    await whole.set_statuses(system.chat_url, False)
    result = await whole.turns(system, rate=400, seconds=15)
    await whole.set_statuses(system.chat_url, True)
    return result


# The order matters: from the router on, the other services stand still.
BENCHMARKS: dict[str, Benchmark] = {
    "idle": whole.idle,
    "trickle": trickle.trickle,
    "steady": whole.steady,
    "turns": turns,
    "turns_without_statuses": turns_without_statuses,
    "memory": memory,
    "router": router.router,
    "ingress": ingress.ingress,
}


# With a system of their own.
ALONE = {
    "brisk_chat": brisk_chat.brisk_chat,
    "open_turns": open_turns.open_turns,
    "paced": paced.paced,
}


async def bench(names: list[str]) -> dict[str, Any]:
    results: dict[str, Any] = {"cores": os.cpu_count()}
    with temporary_home() as home:
        async with running(
            plan_for(home, partitions=24), announce=show_progress, out=sys.stderr
        ) as system:
            results |= {"broker": system.broker, "database": system.database}
            await add_clients(
                system.installation, [*DEMO, *map(load_client, range(1, whole.CLIENTS + 1))]
            )
            for name in names:
                show_progress(f"benchmark {name}")
                results[name] = await run_or_explain(BENCHMARKS[name](system))
    return results


async def bench_alone(names: list[str]) -> dict[str, Any]:
    for name in names:
        show_progress(f"benchmark {name}")
    return {name: await run_or_explain(ALONE[name]()) for name in names}


async def run_or_explain(benchmark: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """A benchmark that cannot run says so; the others go on."""
    try:
        return await benchmark
    except Exception as error:  # noqa: BLE001 - reported as the result
        return {"not_run": f"{type(error).__name__}: {error}"}


def main() -> None:
    known = [*BENCHMARKS, *ALONE]
    names = sys.argv[1:] or known
    if unknown := set(names) - set(known):
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    together = [name for name in names if name in BENCHMARKS]
    alone = [name for name in names if name in ALONE]
    results = asyncio.run(bench(together)) if together else {}
    results |= asyncio.run(bench_alone(alone))
    print(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    main()
