"""The whole system: cost and latency at 50 messages a second, turns a second with a slow model."""

import asyncio
from typing import Any

import aiohttp
from tests.bench.processes import snapshot, spent

from devkit.businesses import load_client
from devkit.loadtest.options import LoadOptions, plan_of
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load
from devkit.stack.system import System

CLIENTS = 16  # a number has 76 messages a second, in and out
PARTS = ("ingress", "router", "assistant", "sender", "kafka", "postgres")


async def steady(system: System) -> dict[str, Any]:
    """50 messages a second, a model that answers at once, no quiet window, statuses on."""
    report, cpu = await run_and_measure(
        system, LoadOptions(contacts=120, messages=4, rate=50, duplicates=1)
    )
    messages = report.result.accepted
    per_message = {name: round(cpu[name] * 1000 / messages, 2) for name in PARTS if name in cpu}
    return {
        "overhead_ms": report.result.answer,
        "messages": messages,
        "ok": report.ok,
        "cpu_ms_per_message": {**per_message, "sum": round(sum(per_message.values()), 2)},
    }


async def turns(system: System, rate: float, seconds: float) -> dict[str, Any]:
    """A model that takes 1 s; every message is a turn of its own."""
    await set_delay(system, 1000)
    contacts = int(rate * seconds / CLIENTS)
    options = LoadOptions(clients=CLIENTS, contacts=contacts, messages=1, rate=rate, duplicates=1)
    report, cpu = await run_and_measure(system, options)
    await set_delay(system, 0)
    return {
        "offered_per_second": rate,
        "turns_per_second": throughput(report),
        "ok": report.ok,
        "answer_ms": report.result.answer,
        "cpu_ms_per_turn": round(sum(cpu.values()) * 1000 / max(1, report.result.accepted), 2),
    }


def throughput(report: LoadReport) -> float:
    """Answers per second between the first and the last, as they reached the Graph API."""
    times = sorted(report.answered_at)
    return round((len(times) - 1) / (times[-1] - times[0]), 1) if len(times) > 1 else 0.0


async def run_and_measure(
    system: System, options: LoadOptions
) -> tuple[LoadReport, dict[str, float]]:
    clients = [load_client(number) for number in range(1, options.clients + 1)]
    before = snapshot(system)
    report = await run_load(
        plan_of(system.installation, options, clients), system.installation.endpoints
    )
    return report, spent(before, snapshot(system))


async def idle(system: System, seconds: float = 10) -> dict[str, Any]:
    """What the parts cost while nobody writes, in ms of CPU per second."""
    before = snapshot(system)
    await asyncio.sleep(seconds)
    used = spent(before, snapshot(system))
    return {
        "cpu_ms_per_second": {name: round(cost * 1000 / seconds, 1) for name, cost in used.items()}
    }


async def set_delay(system: System, ms: int) -> None:
    await post_json(f"{system.openai_url.removesuffix('/v1')}/control/delay", {"ms": ms})


async def set_statuses(chat_url: str, on: bool) -> None:
    await post_json(f"{chat_url}/control/settings", {"statuses": on})


async def post_json(url: str, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as response:
        response.raise_for_status()
