"""Statuses that came before the answer to their own send: settled once their message is known."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import structlog

from common.postgres.connection import Connection
from common.postgres.database import Database
from sender import parked_store
from sender.new_wamids import NewWamids, SentMessage
from sender.parked_store import PORTION
from sender.reconcile import AfterCommit, Reconcile

log = structlog.get_logger()
SWEEP_EVERY = 5.0
EXPIRE_SWEEPS = 60  # so many sweeps after each other delete once
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class ParkedStatuses:
    """It has to sweep: a status and the answer to its send can commit at the same moment, and
    neither transaction sees the other.

    A sweep looks for the messages that got their wamid in this process; without any it asks the
    database nothing. The first looks at all that is parked: the process before may have died.
    """

    def __init__(
        self,
        database: Database,
        reconcile: Reconcile,
        new_wamids: NewWamids,
        after_commit: Callable[[AfterCommit], None],
    ) -> None:
        self._database = database
        self._reconcile = reconcile
        self._new_wamids = new_wamids
        self._after_commit = after_commit
        self._sweeps = count()
        self._looked_until: datetime | None = LONG_AGO

    async def sweep(self) -> None:
        """To be called every SWEEP_EVERY seconds."""
        if next(self._sweeps) % EXPIRE_SWEEPS == 0:
            await self._delete_expired()
        while self._looked_until:
            await self._look_on(self._looked_until)
        messages = self._new_wamids.recent()
        for start in range(0, len(messages), PORTION):
            await self._settle(messages[start : start + PORTION])
        self._new_wamids.end_sweep()

    async def _settle(self, messages: Sequence[SentMessage]) -> None:
        def settle(connection: Connection) -> AfterCommit:
            statuses = parked_store.take(connection, messages)
            return self._reconcile.settle(connection, statuses)

        self._after_commit(await self._database.transaction(settle))

    async def _look_on(self, after: datetime) -> None:
        def settle(connection: Connection) -> tuple[AfterCommit, datetime | None]:
            statuses, until = parked_store.take_portion(connection, after)
            return self._reconcile.settle(connection, statuses), until

        settled, self._looked_until = await self._database.transaction(settle)
        self._after_commit(settled)

    async def _delete_expired(self) -> None:
        while await self._database.transaction(parked_store.delete_expired) == PORTION:
            pass


def log_failed_sweep(error: Exception) -> None:
    log.warning("parked_waits", exc_info=error)
