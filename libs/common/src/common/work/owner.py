"""Who holds a claim: a number of this process, proven alive by an advisory lock.

kill -9 frees the lock at once, so another replica takes the work over within a second instead of
after the lease.
"""

import asyncio
from contextlib import suppress

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from common.postgres.database import Database, is_outage
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.work.table import WorkTable

log = structlog.get_logger()
CHECK_EVERY = 1.0

LOCK_TRIES = 3  # a second apart, before the own number is given up

SEQUENCE = "create sequence work_owner as int;"
# The schema, as part of the name of the locks: they are one space per database.
SCHEMA = "select current_schema()"
# A number that no process had before.
NEXT_NUMBER = "select nextval('work_owner')"
# Held until its session ends; false while another session holds it.
LOCK = "select pg_try_advisory_lock(hashtext(%(space)s), %(owner)s)"
# Those of the given owners whose lock is free: their process is gone.
DEAD_OWNERS = """
select owner from unnest(%(owners)s::int[]) given(owner)
where pg_try_advisory_xact_lock(hashtext(%(space)s), owner)
"""


class NumberHeld(RuntimeError):
    """Another session holds the lock of this number: perhaps our own of before, which the server
    still takes for alive."""


class Owner:
    """A Component: takes a number, holds its lock on its own connection, takes over dead rows.

    `number` is 0 while the lock is not held: then nothing may be claimed, and the process is not
    ready. After a lost connection the same number is locked again, so that current claims stay
    ours. Where the server does not let go of the lost session, a new number takes the claims over.
    """

    def __init__(self, database: Database, table: WorkTable, life: Lifecycle) -> None:
        self._database = database
        self._table = table
        self._life = life
        self.number = 0
        self._own = 0
        self._refused = 0  # tries to lock the own number since it was lost
        self._connection: Connection | None = None
        self._checks = Periodic(self._check, CHECK_EVERY, report_failed_check)

    async def start(self) -> None:
        self._life.health.expect("owner", lambda: self.number > 0)
        await asyncio.to_thread(self._lock)
        await self._checks.start()

    async def stop(self) -> None:
        await self._checks.stop()
        await asyncio.to_thread(self._unlock)

    async def _check(self) -> None:
        await asyncio.to_thread(self._keep_lock)
        await self._database.transaction(self._take_over)

    def _keep_lock(self) -> None:
        """The lock lives as long as its session; a dead session is replaced."""
        try:
            if self._connection is None:
                self._lock()
            else:
                with self._database.deadline(self._connection):
                    self._connection.exec_driver_sql("select 1")
        except sa.exc.DBAPIError:
            self.number = 0
            self._unlock()
            raise

    def _lock(self) -> None:
        """Raises NumberHeld, and the database's errors."""
        connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # this session stays ours: the pool makes another
        try:
            self._own = self._lock_number(connection)
        except BaseException:
            connection.close()
            raise
        self._refused = 0
        self._connection, self.number = connection, self._own

    def _lock_number(self, connection: Connection) -> int:
        """The own number again, or a new one: at the first start, and when the own stays held."""
        if self._own and self._try_lock(connection, self._own):
            return self._own
        self._refused += 1
        if self._own and self._refused < LOCK_TRIES:
            raise NumberHeld
        number = int(connection.exec_driver_sql(NEXT_NUMBER).scalar() or 0)
        self._try_lock(connection, number)
        if self._own:
            rows = self._table.adopt(connection, self._own, number)
            log.warning("owner_replaced", work=self._table.name, rows=rows)
        return number

    def _try_lock(self, connection: Connection, number: int) -> bool:
        values = {"space": self._space(connection), "owner": number}
        return bool(connection.exec_driver_sql(LOCK, values).scalar())

    def _unlock(self) -> None:
        if self._connection is not None:
            with suppress(sa.exc.DBAPIError):
                self._connection.close()
        self._connection, self.number = None, 0

    def _take_over(self, connection: Connection) -> None:
        others = [owner for owner in self._table.owners(connection) if owner != self._own]
        values = {"owners": others, "space": self._space(connection)}
        dead = list(connection.exec_driver_sql(DEAD_OWNERS, values).scalars())
        if rows := self._table.take_over(connection, dead):
            log.info("work_taken_over", work=self._table.name, rows=rows)

    def _space(self, connection: Connection) -> str:
        return f"{connection.exec_driver_sql(SCHEMA).scalar()}.{self._table.name}"


def report_failed_check(error: Exception) -> None:
    log.warning("owner_waits", outage=is_outage(error), exc_info=error)
