"""`make load`: the ledger over the whole system, with or without a `kill -9` in the middle."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from devkit.load.plan import Endpoints, LoadPlan, LoadTenant
from devkit.load.report import LoadReport
from devkit.load.run import run_load
from devkit.stack.businesses import DemoClient, load_client
from devkit.stack.home import temporary_home
from devkit.stack.smoke import add_clients, aside, plan_for
from devkit.stack.system import System, running


@dataclass(frozen=True, slots=True)
class Load:
    """kill: services to kill -9 once each, spread over the run, in this order."""

    clients: int = 3
    contacts: int = 20
    messages: int = 10
    rate: float = 50.0
    duplicates: int = 2
    kill: tuple[str, ...] = ()
    partitions: int | None = None

    @property
    def seconds(self) -> float:
        return self.clients * self.contacts * self.messages / self.rate


async def load(wanted: Load) -> LoadReport:
    """A system of its own, from start to end."""
    with temporary_home() as home:
        async with running(
            plan_for(home, partitions=wanted.partitions), aside, sys.stderr
        ) as system:
            return await load_on(system, wanted)


async def load_on(system: System, wanted: Load) -> LoadReport:
    """On a running system; adds the clients that the run needs."""
    clients = [load_client(number) for number in range(1, wanted.clients + 1)]
    await add_clients(system, clients)
    async with killing(system, wanted):
        return await run_load(plan_of(system, wanted, clients), endpoints_of(system))


def plan_of(system: System, wanted: Load, clients: Sequence[DemoClient]) -> LoadPlan:
    """A crash may cost one extra copy per reply in flight: reliability has the bound."""
    token = system.secrets["WHATSAPP_ACCESS_TOKEN"]
    return LoadPlan(
        tenants=tuple(
            LoadTenant(client.assistant_id, client.phone_number_id, token, client.phone_number)
            for client in clients
        ),
        run=random.randrange(10**6),
        contacts=wanted.contacts,
        messages=wanted.messages,
        rate=wanted.rate,
        duplicates=wanted.duplicates,
        quiet_seconds=15.0 if wanted.kill else 3.0,
    )


def endpoints_of(system: System) -> Endpoints:
    return Endpoints(
        webhook_url=system.webhook_url,
        app_secret=system.secrets["WHATSAPP_APP_SECRETS"].split(",")[0],
        whatsapp_url=system.chat_url,
        openai_url=system.openai_url.removesuffix("/v1"),
        kafka=system.bootstrap,
    )


@asynccontextmanager
async def killing(system: System, wanted: Load) -> AsyncIterator[None]:
    """Kills each named service once while the load runs; the stack starts it again."""
    task = asyncio.create_task(kill_in_turn(system, wanted))
    yield
    await task


async def kill_in_turn(system: System, wanted: Load) -> None:
    pause = wanted.seconds / (len(wanted.kill) + 1)
    for service in wanted.kill:
        await asyncio.sleep(pause)
        system.children.kill(service)
