"""Load on a running installation, judged by the ledger."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from devkit.businesses import DemoClient, load_client
from devkit.loadtest.converse import ensure_clients
from devkit.loadtest.place import Place
from devkit.loadtest.plan import LoadPlan, LoadTenant
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load

QUIET, QUIET_AFTER_A_DISTURBANCE = 3.0, 15.0


@dataclass(frozen=True, slots=True)
class Load:
    """`disturbed`: services die or restart meanwhile, so that silence must last longer."""

    clients: int = 3
    contacts: int = 20
    messages: int = 10
    rate: float = 50.0
    duplicates: int = 2
    disturbed: bool = False

    @property
    def seconds(self) -> float:
        return self.clients * self.contacts * self.messages / self.rate


async def load_on(place: Place, wanted: Load) -> LoadReport:
    return await run_load(await prepared(place, wanted), place.endpoints)


async def prepared(place: Place, wanted: Load) -> LoadPlan:
    """The plan, once the clients that it needs are there."""
    clients = [load_client(number) for number in range(1, wanted.clients + 1)]
    await ensure_clients(place, clients)
    return plan_of(place, wanted, clients)


def plan_of(place: Place, wanted: Load, clients: Sequence[DemoClient]) -> LoadPlan:
    return LoadPlan(
        tenants=tuple(
            LoadTenant(
                client.assistant_id,
                client.phone_number_id,
                place.access_token,
                client.phone_number,
            )
            for client in clients
        ),
        run=random.randrange(10**6),
        contacts=wanted.contacts,
        messages=wanted.messages,
        rate=wanted.rate,
        duplicates=wanted.duplicates,
        quiet_seconds=QUIET_AFTER_A_DISTURBANCE if wanted.disturbed else QUIET,
    )
