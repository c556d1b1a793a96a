"""Nothing is begun with a key ring that lacks keys in use."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from common.events import TenantConfig
from common.tenant_secrets import TenantSecrets

log = structlog.get_logger()
LOOK_SECONDS = 1.0
Lacking = Callable[[], Awaitable[Iterable[str]]]


class RingComplete:
    """A Component to start before what handles records. The process waits, not ready, until nothing
    is sealed with a key that it lacks, or it is started with the whole ring."""

    def __init__(self, lacking: Lacking) -> None:
        self._lacking = lacking

    async def start(self) -> None:
        reported: list[str] = []
        while lacking := sorted(await self._lacking()):
            if lacking != reported:
                log.error("key_ring_waits", setting="KEY_RING_FILE", lacks=lacking)
            reported = lacking
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Nothing to stop."""


def for_tenants(
    secrets: Sequence[TenantSecrets], tenants: Callable[[], Iterable[TenantConfig]]
) -> RingComplete:
    """To be started right after the view of tenants, whose rows `tenants` gives."""

    def look() -> set[str]:
        rows = list(tenants())
        return set().union(*(each.lacking(rows) for each in secrets))

    return RingComplete(lambda: asyncio.to_thread(look))
