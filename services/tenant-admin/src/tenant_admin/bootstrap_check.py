"""Says at the start who can make keys."""

from collections.abc import Sequence
from functools import partial

import structlog

from common.service.clock import Clock
from tenant_admin.core.api_keys import count_key_makers
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase

log = structlog.get_logger()
FIX = "start it with an ADMIN_API_KEY, make a key with keys:admin of all clients, switch it off"


class BootstrapCheck:
    """A Component to start after the tables are there. Without any key that can make keys the
    service goes on: it publishes, and other keys may still be valid."""

    def __init__(self, keys: Sequence[str], database: SqlAlchemyDatabase, clock: Clock) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock

    async def start(self) -> None:
        count = partial(count_key_makers, now=self._clock.now())
        others = await self._database.transaction_with_retry(count)
        log.info("bootstrap_keys", setting="ADMIN_API_KEY", valid=len(self._keys), others=others)
        if not self._keys and not others:
            log.warning("no_key_makes_keys", setting="ADMIN_API_KEY", fix=FIX)

    async def stop(self) -> None:
        """Nothing to stop."""
