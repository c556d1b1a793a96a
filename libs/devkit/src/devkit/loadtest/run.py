"""Runs a plan from the first webhook to the result."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import aiohttp

from common.service.settings import KafkaSettings
from devkit.loadtest.emulator_logs import GraphLog, get, injected
from devkit.loadtest.event_log import EventLog
from devkit.loadtest.evidence import Evidence
from devkit.loadtest.generate import Generator, Sent, client
from devkit.loadtest.ledger import check
from devkit.loadtest.plan import Endpoints, LoadPlan, contacts_by_phone, first_round
from devkit.loadtest.report import LoadReport

POLL = 0.2


async def run_load(plan: LoadPlan, endpoints: Endpoints) -> LoadReport:
    """Sends the plan, waits until nothing more comes, and checks.

    Raises aiohttp.ClientError or TopicUnavailable when an emulator or Kafka is not there.
    """
    async with client(plan.connections) as session, prepare_emulator(session, plan, endpoints):
        graph = GraphLog(session, endpoints.whatsapp_url, contacts_by_phone(plan))
        await graph.skip()
        before = await injected(session, endpoints, plan.faults)
        async with event_log(endpoints.kafka) as events:
            sent = await Generator(session, plan, endpoints).run()
            await settle(plan, sent, graph, events)
        after = await injected(session, endpoints, plan.faults)
    faults = {name: after[name] - before[name] for name in plan.faults}
    evidence = evidence_of(plan, sent, graph, events, faults)
    answered_at = tuple(entry.at for entry in graph.posted)
    return LoadReport(plan, sent, check(evidence, plan.duplicates_allowed), faults, answered_at)


@asynccontextmanager
async def event_log(kafka: KafkaSettings | None) -> AsyncIterator[EventLog | None]:
    if kafka is None:
        yield None
        return
    events = await asyncio.to_thread(EventLog, kafka)
    try:
        yield events
    finally:
        await asyncio.to_thread(events.close)


@asynccontextmanager
async def prepare_emulator(
    session: aiohttp.ClientSession, plan: LoadPlan, endpoints: Endpoints
) -> AsyncIterator[None]:
    """The emulator knows the contacts of the plan and does not check the 24 h window meanwhile: it
    does not see what is posted to the webhook URL directly. Its limits on sending stay."""
    control = f"{endpoints.whatsapp_url}/control"
    state = await get(session, f"{control}/state")
    known = {business["phone_number_id"] for business in state["businesses"]}
    for tenant in plan.tenants:
        if tenant.phone_number_id not in known:
            await post(session, f"{control}/businesses", asdict(tenant.business))
    for due in first_round(plan):
        await post(session, f"{control}/contacts", asdict(due.contact))
    await post(session, f"{control}/settings", {"strict": False})
    try:
        yield
    finally:
        await post(session, f"{control}/settings", {"strict": state["settings"]["strict"]})


async def post(session: aiohttp.ClientSession, url: str, value: dict[str, Any]) -> None:
    async with session.post(url, json=value, raise_for_status=True) as response:
        await response.read()


async def settle(plan: LoadPlan, sent: Sent, graph: GraphLog, events: EventLog | None) -> None:
    """Until the logs have not grown for quiet_seconds, so that late duplicates are seen too."""
    deadline = time.monotonic() + plan.deadline_seconds
    quiet_since = time.monotonic()
    enough = plan.quiet_seconds
    while time.monotonic() < min(deadline, quiet_since + enough):
        new = await graph.read_on()
        new += await asyncio.to_thread(events.read_on) if events else 0
        if new:
            quiet_since = time.monotonic()
        missing = events and any(acked.wamid not in events.outcomes for acked in sent.acked)
        enough = max(plan.quiet_seconds, plan.patience_seconds if missing else 0.0)
        await asyncio.sleep(POLL)


def evidence_of(
    plan: LoadPlan,
    sent: Sent,
    graph: GraphLog,
    events: EventLog | None,
    faults: dict[str, int],
) -> Evidence:
    wamids = {acked.wamid for acked in sent.acked}
    outcomes = {wamid: events.outcomes.get(wamid, []) for wamid in wamids} if events else None
    return Evidence(
        owners={tenant.tenant: tenant.owner for tenant in plan.tenants},
        acked=sent.acked,
        posted=graph.posted,
        outcomes=outcomes,
        dead_letters=frozenset(events.dead_letters & wamids) if events else frozenset(),
        faults=faults,
    )
