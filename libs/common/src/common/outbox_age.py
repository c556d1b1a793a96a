"""Whether events leave the outbox: the age of its oldest row, as metric and readiness check."""

from typing import Any

import structlog

from common.postgres.connection import SqlConnection
from common.postgres.database import TransactionThreads
from common.postgres.errors import is_outage
from common.service import metrics
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic

log = structlog.get_logger()
CHECK_SECONDS = 10.0
LONGEST_AGE = 60.0  # a row of a dead process is published after 10 s

OLDEST = "select extract(epoch from now() - created_at) from outbox order by id limit 1"


class OutboxAge:
    """A Component: not ready while a row waits for more than a minute to be published.

    is_check False: only the metric and the log, for a service that serves also without a broker.
    """

    def __init__(
        self, database: TransactionThreads[Any], life: Lifecycle, *, is_check: bool = True
    ) -> None:
        self._database = database
        self._life = life
        self._is_check = is_check
        self._seconds = 0.0
        self._checks = Periodic(self.measure, CHECK_SECONDS, report_failed_check)

    async def start(self) -> None:
        if self._is_check:
            self._life.health.expect("outbox", lambda: self._seconds <= LONGEST_AGE)
        await self._checks.start()

    async def stop(self) -> None:
        await self._checks.stop()

    async def measure(self) -> None:
        before, self._seconds = self._seconds, await self._database.transaction(oldest)
        metrics.OUTBOX_OLDEST.set(self._seconds)
        if before <= LONGEST_AGE < self._seconds:
            log.error("outbox_not_published", oldest_seconds=round(self._seconds))


def oldest(connection: SqlConnection) -> float:
    """Seconds; 0 for an empty outbox."""
    return float(connection.exec_driver_sql(OLDEST).scalar() or 0.0)


def report_failed_check(error: Exception) -> None:
    log.warning("outbox_check_failed", outage=is_outage(error), exc_info=error)
