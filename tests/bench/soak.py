"""`python -m tests.bench.soak MINUTES`: a steady load with a ledger, long enough to see what grows.

One line of JSON on stdout. Exit code 1 when a message was lost or answered twice, or when anything
was logged as an error.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import linear_regression, mean
from time import monotonic
from typing import Any

import orjson
from tests.bench.processes import memory_mib, pids, usages
from tests.bench.trickle import per_unit
from tests.bench.whole import CLIENTS

from devkit.check_result import print_result, show_progress
from devkit.loadtest.installation import Installation
from devkit.loadtest.options import DOUBT_PATIENCE, LoadOptions, prepare_plan
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running

RATE, CONTACTS = 20, 50  # messages a second in all; contacts of each client
SAMPLE_SECONDS = 30.0
SETTLE_SECONDS = 600.0
FAILURES = {"error", "critical", "not_json"}

Sample = tuple[float, dict[str, float]]  # minutes since the start, MiB by process


async def soak(minutes: float) -> dict[str, Any]:
    with temporary_home() as home, (home / "output.log").open("w+", encoding="utf-8") as output:
        plan = plan_for(home, partitions=24, style="json")
        async with running(plan, announce=show_progress, out=output) as system:
            before, samples = usages(pids(system)), list[Sample]()
            sampling = asyncio.create_task(sample(system, samples))
            report = await load(system.installation, minutes)
            sampling.cancel()
            cost = per_unit(before, usages(pids(system)), report.result.accepted)
        output.seek(0)
        logged = count_lines(output)
    return {
        "ok": report.ok and not FAILURES & logged.keys(),
        "ledger": orjson.loads(report.as_json_line()),
        "rss_mib": {name: growth(samples, name) for name in samples[0][1]},
        "log_lines": logged,
        "cpu_ms_per_message": {name: each["cpu_ms"] for name, each in cost.items()},
    }


async def load(installation: Installation, minutes: float) -> LoadReport:
    """Statuses come too. Each contact writes every 20 s, so that each message is a turn."""
    messages = max(1, round(minutes * 60 * RATE / (CLIENTS * CONTACTS)))
    options = LoadOptions(CLIENTS, CONTACTS, messages, RATE, duplicates=1)
    plan = await prepare_plan(installation, options)
    plan = replace(plan, patience_seconds=DOUBT_PATIENCE, deadline_seconds=SETTLE_SECONDS)
    return await run_load(plan, installation.endpoints)


async def sample(system: System, samples: list[Sample]) -> None:
    began = monotonic()
    while True:
        minute, sizes = (monotonic() - began) / 60, memory_mib(system)
        samples.append((minute, sizes))
        show_progress(f"  {minute:.1f} min: {sum(sizes.values()):.0f} MiB")
        await asyncio.sleep(SAMPLE_SECONDS)


def growth(samples: Sequence[Sample], name: str) -> dict[str, float]:
    """MiB: the mean of the first quarter and of the last, and how many more in an hour."""
    quarter = max(1, len(samples) // 4)
    minutes, sizes = [at for at, _ in samples], [each[name] for _, each in samples]
    slope = linear_regression(minutes, sizes).slope if len(samples) > 1 else 0.0
    return {
        "first_quarter": round(mean(sizes[:quarter]), 1),
        "last_quarter": round(mean(sizes[-quarter:]), 1),
        "per_hour": round(slope * 60, 1),
    }


def count_lines(output: Iterable[str]) -> dict[str, dict[str, int]]:
    """Lines of the processes by level and event name; migrations speak to people. What else is not
    JSON is a crash, or the stack's word on a restart."""
    counts: dict[str, Counter[str]] = {}
    for line in output:
        name, _, text = line.partition("|")
        if name.startswith("migrate "):
            continue
        level, event = level_and_event(text.strip())
        counts.setdefault(level, Counter())[f"{name.strip()}: {event}"] += 1
    return {level: dict(found.most_common()) for level, found in counts.items()}


def level_and_event(line: str) -> tuple[str, str]:
    try:
        entry = orjson.loads(line)
        return entry["level"], entry["event"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return "not_json", line[:80]


def main() -> None:
    minutes = float(sys.argv[1])
    raise SystemExit(print_result(lambda: asyncio.run(soak(minutes))))


if __name__ == "__main__":
    main()
