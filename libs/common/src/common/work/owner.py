"""Who holds a claim: a number of this process, proven alive by an advisory lock.

kill -9 frees the lock at once, so another replica takes the work over within a second instead of
after the lease.
"""

import asyncio
import threading
from contextlib import suppress

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from common.postgres.database import Database, is_outage
from common.work.table import WorkTable

log = structlog.get_logger()
CHECK_EVERY = 1.0

SEQUENCE = "create sequence work_owner as int;"
DEAD = """
select o from unnest(%(owners)s::int[]) o
where pg_try_advisory_xact_lock(hashtext(%(space)s), o)
"""


class Owner:
    """A Component: takes a number, keeps its lock on a connection of its own, releases the dead's rows.

    `number` is 0 while the lock is not held: then nothing may be claimed. After a lost connection
    the same number is locked again, so that what is in hand still counts.
    """

    def __init__(self, database: Database, table: WorkTable) -> None:
        self._database, self._table = database, table
        self.number = 0
        self._own = 0
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._lock)
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        self._ended.set()
        if self._task:
            await self._task
        await asyncio.to_thread(self._let_go)

    async def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                await asyncio.to_thread(self._check)
                await self._database.transaction(self._take_over)
            except Exception as error:
                log.warning("owner_waits", outage=is_outage(error), exc_info=error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), CHECK_EVERY)

    def _check(self) -> None:
        """The lock lives as long as its session; a dead session is replaced."""
        try:
            if self._connection is None:
                self._lock()
            else:
                with self._database.watched(self._connection):
                    self._connection.exec_driver_sql("select 1")
        except sa.exc.DBAPIError:
            self.number = 0
            self._let_go()
            raise

    def _lock(self) -> None:
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # this session is ours for good: the pool makes another
        if not self._own:
            self._own = int(
                connection.exec_driver_sql("select nextval('work_owner')").scalar() or 0
            )
        connection.exec_driver_sql(
            "select pg_advisory_lock(hashtext(%(space)s), %(owner)s)",
            {"space": self._space(connection), "owner": self._own},
        )
        self._connection, self.number = connection, self._own

    def _let_go(self) -> None:
        if self._connection is not None:
            with suppress(sa.exc.DBAPIError):
                self._connection.close()
        self._connection, self.number = None, 0

    def _take_over(self, connection: Connection) -> None:
        others = [owner for owner in self._table.owners(connection) if owner != self._own]
        values = {"owners": others, "space": self._space(connection)}
        dead = list(connection.exec_driver_sql(DEAD, values).scalars())
        if released := self._table.release(connection, dead):
            log.info("work_taken_over", work=self._table.name, rows=released)

    def _space(self, connection: Connection) -> str:
        """Advisory locks are one space per database, so the schema is part of the name."""
        schema = connection.exec_driver_sql("select current_schema()").scalar()
        return f"{schema}.{self._table.name}"
