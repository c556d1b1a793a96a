"""A trickle of messages, each a turn of its own: what one costs, process by process, and its time.

The model answers at once, no quiet window, no statuses. Only the load itself is measured, from the
first webhook to the last answer; what the installation costs anyway in that time is in it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic, process_time
from typing import Any

from tests.bench.processes import Usage, pids, usages
from tests.bench.statement_log import counted, per_message
from tests.bench.whole import CLIENTS, set_statuses

from devkit.businesses import load_client
from devkit.check_result import show_progress
from devkit.loadtest.emulator_logs import GraphLog
from devkit.loadtest.generate import Generator, Sent, client
from devkit.loadtest.installation import Installation
from devkit.loadtest.ledger import LedgerResult, check
from devkit.loadtest.options import LoadOptions, plan_of
from devkit.loadtest.plan import contacts_by_phone
from devkit.loadtest.run import evidence_of, prepare_emulator
from devkit.stack.postgres import LocalPostgres
from devkit.stack.system import System

RATES, SECONDS, MOST_MESSAGES = (20, 50, 200), 30.0, 3000
WARM_UP_RATE, WARM_UP_SECONDS = 20, 10.0
IDLE_SECONDS = 20.0
COUNTED_RATE, COUNTED_SECONDS = 20, 20.0
LAST_ANSWER_SECONDS, POLL = 60.0, 0.1

Run = Callable[[], Awaitable[LedgerResult]]


@dataclass(frozen=True, slots=True)
class Target:
    """A running installation: its processes, and those that stand in for Meta and OpenAI."""

    installation: Installation
    pids: Mapping[str, int]
    emulators: Mapping[str, int]


async def trickle(system: System) -> dict[str, Any]:
    emulators = {name: system.children.pid(name) for name in ("whatsapp", "openai")}
    target = Target(system.installation, pids(system), emulators)
    await set_statuses(system.chat_url, False)
    await warm_up(target.installation)
    results: dict[str, Any] = {"idle": await idle(target)}
    for rate in RATES:
        results[f"{rate}_per_second"] = await measure(target, rate)
    if system.postgres:
        results["database_per_message"] = await database_work(system.postgres, target)
    await set_statuses(system.chat_url, True)
    return results


async def warm_up(installation: Installation) -> None:
    show_progress("  warming up")
    async with prepared(installation, WARM_UP_RATE, WARM_UP_SECONDS) as run:
        await run()


async def idle(target: Target, seconds: float = IDLE_SECONDS) -> dict[str, Any]:
    show_progress("  idle")
    load, before = os.getloadavg()[0], usages(target.pids)
    await asyncio.sleep(seconds)
    costs = per_unit(before, usages(target.pids), seconds)
    return {**by_kind(costs, "per_second"), "load_average_before": round(load, 1)}


async def measure(target: Target, rate: float, seconds: float = SECONDS) -> dict[str, Any]:
    show_progress(f"  {rate:g} messages a second")
    watched = {**target.pids, **target.emulators}
    async with prepared(target.installation, rate, seconds) as run:
        load, before, own = os.getloadavg()[0], usages(watched), process_time()
        result = await run()
        own, after = process_time() - own, usages(watched)
    costs = per_unit(before, after, result.accepted)
    stand_ins = {name: costs.pop(name)["cpu_ms"] for name in target.emulators}
    return {
        "messages": result.accepted,
        "ok": result.ok,
        "answer_ms": result.answer,
        **by_kind(costs, "per_message"),
        "load_itself_cpu_ms": {**stand_ins, "generator": round(own * 1000 / result.accepted, 2)},
        "load_average_before": round(load, 1),
    }


def per_unit(
    before: Mapping[str, Usage], after: Mapping[str, Usage], units: float
) -> dict[str, dict[str, float]]:
    return {
        name: {
            "cpu_ms": round((after[name].cpu - before[name].cpu) * 1000 / units, 2),
            "switches": round(after[name].switches_since(before[name]) / units, 1),
        }
        for name in before
    }


def by_kind(costs: Mapping[str, Mapping[str, float]], unit: str) -> dict[str, Any]:
    """A table by process for each kind of cost, with its sum."""
    tables = {}
    for kind in ("cpu_ms", "switches"):
        table = {name: cost[kind] for name, cost in costs.items()}
        tables[f"{kind}_{unit}"] = {**table, "sum": round(sum(table.values()), 2)}
    return tables


@asynccontextmanager
async def prepared(installation: Installation, rate: float, seconds: float) -> AsyncIterator[Run]:
    """What runs the load and returns with the last answer. Its ledger knows no outcomes: reading
    Kafka would cost the broker more than the messages do."""
    contacts = max(1, int(min(rate * seconds, MOST_MESSAGES) / CLIENTS))
    options = LoadOptions(CLIENTS, contacts, messages=1, rate=rate, duplicates=1)
    clients = [load_client(number) for number in range(1, CLIENTS + 1)]
    plan = plan_of(installation, options, clients)
    endpoints = replace(installation.endpoints, kafka=None)
    async with client(plan.connections) as session, prepare_emulator(session, plan, endpoints):
        graph = GraphLog(session, endpoints.whatsapp_url, contacts_by_phone(plan))
        await graph.skip()

        async def run() -> LedgerResult:
            sent = await Generator(session, plan, endpoints).run()
            await read_answers(graph, sent)
            return check(evidence_of(plan, sent, graph, None, {}))

        yield run


async def read_answers(graph: GraphLog, sent: Sent) -> None:
    """Until each has one. What is missing after a minute is lost: the ledger says so."""
    until = monotonic() + LAST_ANSWER_SECONDS
    await graph.read_on()
    while len(graph.posted) < len(sent.acked) and monotonic() < until:
        await asyncio.sleep(POLL)
        await graph.read_on()


async def database_work(postgres: LocalPostgres, target: Target) -> dict[str, Any]:
    """In a run of its own: logging statements costs CPU."""
    show_progress("  round trips and transactions")
    async with counted(postgres) as read:
        start = await read()
        await asyncio.sleep(COUNTED_SECONDS)
        async with prepared(target.installation, COUNTED_RATE, COUNTED_SECONDS) as run:
            loaded = await read()
            result = await run()
            end = await read()
    return per_message(start, loaded, end, result.accepted)
