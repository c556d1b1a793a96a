"""A service waits for its tables: in an upgrade it may start before its migration has ended.

Without the wait, new code on an old schema would take every record for one that always fails.
"""

import asyncio
from importlib.resources import files
from typing import Any

import structlog

from common.postgres.connection import SqlConnection
from common.postgres.database import TransactionThreads

log = structlog.get_logger()
POLL_SECONDS = 0.5


class SchemaReady:
    """A Component to start right after its database. A schema newer than the code is fine: old and
    new replicas run side by side, and migrations only add."""

    def __init__(self, database: TransactionThreads[Any], package: str) -> None:
        self._database = database
        self._needed = newest_revision(package)

    async def start(self) -> None:
        reported = None
        while (revision := await self._database.transaction_with_retry(revision_of)) < self._needed:
            if revision != reported:
                log.warning("schema_waits", found=revision or "none", needed=self._needed)
            reported = revision
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Nothing to stop."""


def newest_revision(package: str) -> str:
    """The revision that this code needs. The files' numbers are the revisions, in order; reading
    them spares a service the import of Alembic."""
    folder = files(package).joinpath("migrations", "versions")
    return max(file.name.partition("_")[0] for file in folder.iterdir())


def revision_of(connection: SqlConnection) -> str:
    """Of the schema in the search path; "" before the first migration."""
    if connection.exec_driver_sql("select to_regclass('alembic_version')").scalar() is None:
        return ""
    revision = connection.exec_driver_sql("select max(version_num) from alembic_version").scalar()
    return str(revision or "")
