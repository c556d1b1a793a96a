"""Requests per second with a durable ack, and how that compares to a no-op on the same server."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import psutil
from tests.bench.http_load import load, post

from devkit.emulators.whatsapp import payloads
from devkit.emulators.whatsapp.identities import Business, Contact
from devkit.stack.child import Child
from devkit.stack.ports import free_ports
from devkit.stack.settings import inherited
from devkit.stack.system import System

ROUNDS = 3
SECONDS = 4.0
CONNECTIONS = 64


async def ingress(system: System) -> dict[str, Any]:
    """Rounds of both by turns; the consumers are stopped, so that both have the machine."""
    await system.children.stop("router", "assistant", "sender")
    webhooks, noops = webhook_requests(system, 2000), [post("/noop", b"{}")]
    ours, theirs, cpu = [], [], []
    async with noop_server(system) as port:
        for _ in range(ROUNDS):
            theirs.append(await load(port, noops, CONNECTIONS, SECONDS))
            before = cpu_of(system.children.pid("ingress"))
            rate = await load(system.plan.ingress_port, webhooks, CONNECTIONS, SECONDS)
            used = cpu_of(system.children.pid("ingress")) - before
            ours.append(rate)
            cpu.append(used / (rate * SECONDS) * 1e6)
    return {
        "requests_per_second": round(median(ours)),
        "fastapi_noop_requests_per_second": round(median(theirs)),
        "ratio": round(median(ours) / median(theirs), 2),
        "cpu_us_per_request": round(median(cpu)),
    }


def webhook_requests(system: System, count: int) -> list[bytes]:
    """Signed webhooks of an unknown number: the router puts them into quarantine."""
    secret = system.secrets["WHATSAPP_APP_SECRETS"].split(",")[0]
    business = Business("Bench", "+34900111222", "799000000009999")
    made = []
    for number in range(count):
        contact = Contact(f"B {number}", f"3469{number:07d}", f"ES.69{number:07d}")
        message = payloads.text(
            contact, f"wamid.bench.{number}", 1_700_000_000, "Hola, ¿abren hoy?"
        )
        body = payloads.encode(payloads.inbound(business, contact, message))
        headers = [("X-Hub-Signature-256", payloads.sign(secret, body))]
        made.append(post("/webhook", body, headers))
    return made


@asynccontextmanager
async def noop_server(system: System) -> AsyncIterator[int]:
    port, health = free_ports(2)
    argv = [sys.executable, "-m", "tests.bench.noop", str(port)]
    env = {**inherited(), "HEALTH_PORT": str(health), "LOG_LEVEL": "warning"}
    await system.children.start(Child("noop", argv, env, restart=False))
    await system.children.wait_ready("noop", f"http://127.0.0.1:{health}/ready", 30)
    try:
        yield port
    finally:
        await system.children.stop("noop")


def cpu_of(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
