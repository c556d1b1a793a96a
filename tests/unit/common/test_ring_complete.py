"""M9: a process begins nothing while its ring lacks keys in use, and says which."""

import asyncio

from structlog.testing import capture_logs
from tests.support.builders import a_tenant
from tests.support.waiting import eventually_in_thread

from common.events import TenantConfig
from common.key_rings import KeyRing
from common.ring_complete import for_tenants
from common.sealed import seal
from common.tenant_secrets import TenantSecrets

RING = KeyRing.fresh()


async def test_with_every_key_it_starts() -> None:
    tenant = a_tenant(access_token=seal(RING, 1, "access_token", "token"))
    secrets = TenantSecrets("access_token", RING, None)
    await for_tenants([secrets], lambda: [tenant]).start()


async def test_m9a_without_a_key_in_use_it_waits_and_names_the_key() -> None:
    gone = KeyRing.fresh()
    tenants: list[TenantConfig] = [a_tenant(access_token=seal(gone, 1, "access_token", "token"))]
    secrets = TenantSecrets("access_token", RING, None)
    with capture_logs() as logs:
        starting = asyncio.create_task(for_tenants([secrets], lambda: tenants).start())
        await eventually_in_thread(lambda: logs)
        assert not starting.done()
        tenants[0] = a_tenant(access_token=seal(RING, 1, "access_token", "token"))
        await asyncio.wait_for(starting, 30)
    assert [(log["event"], log["lacks"]) for log in logs] == [
        ("key_ring_waits", [f"access_token {gone.active}"])
    ]
