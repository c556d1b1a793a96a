"""Load on a running installation, checked by the ledger."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from devkit.businesses import DemoClient, load_client
from devkit.loadtest.conversations import ensure_clients
from devkit.loadtest.installation import Installation
from devkit.loadtest.plan import LoadPlan, LoadTenant
from devkit.loadtest.report import LoadReport
from devkit.loadtest.run import run_load

QUIET, QUIET_AFTER_A_DISTURBANCE = 3.0, 15.0
PAIR_SECONDS = 7.0  # for each message to a contact, after a burst
DOUBT_PATIENCE = 150.0  # seconds; a send in doubt is repeated after 90 s


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """`disturbed`: services die or restart meanwhile, so that silence must last longer. By default
    a contact writes every 7 s: more often, and Meta's pair limit lets replies wait."""

    clients: int = 3
    contacts: int = 120
    messages: int = 4
    rate: float = 50.0
    duplicates: int = 2
    disturbed: bool = False

    @property
    def seconds(self) -> float:
        return self.clients * self.contacts * self.messages / self.rate


async def load_installation(installation: Installation, options: LoadOptions) -> LoadReport:
    """The whole of a load run on what is running."""
    return await run_load(await prepare_plan(installation, options), installation.endpoints)


async def prepare_plan(installation: Installation, options: LoadOptions) -> LoadPlan:
    """The plan, once the clients that it needs are there."""
    clients = [load_client(number) for number in range(1, options.clients + 1)]
    await ensure_clients(installation, clients)
    return plan_of(installation, options, clients)


def plan_of(
    installation: Installation, options: LoadOptions, clients: Sequence[DemoClient]
) -> LoadPlan:
    return LoadPlan(
        tenants=tuple(
            LoadTenant(
                client.assistant_id,
                client.phone_number_id,
                installation.access_token,
                client.phone_number,
            )
            for client in clients
        ),
        run=random.randrange(10**6),
        contacts=options.contacts,
        messages=options.messages,
        rate=options.rate,
        duplicates=options.duplicates,
        quiet_seconds=QUIET_AFTER_A_DISTURBANCE if options.disturbed else QUIET,
        patience_seconds=PAIR_SECONDS * options.messages
        + (DOUBT_PATIENCE if options.disturbed else 0.0),
    )
