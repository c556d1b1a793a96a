"""Two thousand open turns in one assistant process, with a model that takes ten seconds.

Its own system: the assistant has slots for all of them. Each contact writes twice, the second time
about when the first answer is there, so that the ledger judges the order too.
"""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families
from tests.bench.whole import CLIENTS, set_delay

from devkit.businesses import load_client
from devkit.check_result import show_progress
from devkit.loadtest.conversations import add_clients
from devkit.loadtest.options import LoadOptions, plan_of
from devkit.loadtest.run import run_load
from devkit.stack.home import temporary_home
from devkit.stack.smoke import plan_for
from devkit.stack.system import System, running

TURNS, MODEL_SECONDS = 2000, 10
SLOTS = {"assistant": {"SLOTS": str(TURNS + 500)}}
RATE = TURNS / MODEL_SECONDS


class Peaks:
    """The most of what was seen, once a second."""

    def __init__(self, system: System) -> None:
        self._process = psutil.Process(system.children.pid("assistant"))
        self._metrics_url = f"http://127.0.0.1:{system.health['assistant']}/metrics"
        self.open_turns, self.rss_mib = 0.0, 0.0
        self.text = ""

    async def watch(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self._metrics_url) as response:
                    self.text = await response.text()
                running_turns = dict(samples(self.text, "conserje_work_running", "work"))
                self.open_turns = max(self.open_turns, running_turns.get("turn", 0.0))
                self.rss_mib = max(self.rss_mib, self._process.memory_info().rss / 2**20)
                await asyncio.sleep(1)


def samples(text: str, name: str, label: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                yield sample.labels[label], sample.value


def longest_lag(before: str, after: str) -> str:
    """The upper bound, in seconds, of the slowest second's histogram bucket."""
    counts = dict(samples(before, "conserje_loop_lag_seconds_bucket", "le"))
    new = {
        bound: count - counts.get(bound, 0.0)
        for bound, count in samples(after, "conserje_loop_lag_seconds_bucket", "le")
    }
    return next(bound for bound, count in new.items() if count == new["+Inf"])


async def open_turns() -> dict[str, Any]:
    with temporary_home() as home:
        plan = plan_for(home, partitions=24, extra=SLOTS)
        async with running(plan, announce=show_progress, out=sys.stderr) as system:
            clients = [load_client(number) for number in range(1, CLIENTS + 1)]
            await add_clients(system.installation, clients)
            await set_delay(system, MODEL_SECONDS * 1000)
            options = LoadOptions(CLIENTS, TURNS // CLIENTS, messages=2, rate=RATE, duplicates=1)
            peaks = Peaks(system)
            watching = asyncio.create_task(peaks.watch())
            while not (before := peaks.text):
                await asyncio.sleep(0.1)
            endpoints = system.installation.endpoints
            report = await run_load(plan_of(system.installation, options, clients), endpoints)
            watching.cancel()
            return {
                "messages": report.result.accepted,
                "ok": report.ok,
                "order_violations": report.result.order_violations,
                "outcomes": dict(report.result.outcomes),
                "answer_ms": report.result.answer,
                "most_open_turns": peaks.open_turns,
                "most_rss_mib": round(peaks.rss_mib, 1),
                "loop_lag_seconds_at_most": longest_lag(before, peaks.text),
            }
