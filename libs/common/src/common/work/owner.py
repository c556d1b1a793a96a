"""Who holds a claim: a number of this process, proven alive by an advisory lock.

kill -9 frees the lock at once, so another replica takes the work over within seconds instead of
after the lease. A restart of the database frees all locks: so a lock counts as free only when it
was so for a while, and to a process that has not just connected itself.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic

import psycopg2
import structlog

from common.postgres.connection import Connection
from common.postgres.database import DEADLINE, Database, refusal_logged
from common.postgres.errors import is_outage, reason_of
from common.service.lifecycle import Lifecycle
from common.service.periodic import Periodic
from common.work.table import Look, WorkTable

log = structlog.get_logger()
CHECK_EVERY = 1.0
LOCK_TRIES = 3  # a second apart, before the own number is given up
FREE_SECONDS = 3.0  # so long a lock must be free
SETTLED_SECONDS = 5.0  # after the database came back; longer than others take to lock theirs again
UNBLOCK_EVERY = 60.0

SEQUENCE = "create sequence work_owner as int;"
# A number that no process had before.
NEXT_NUMBER = "select nextval('work_owner')"
SERVER_IS_NEW = "select now() - pg_postmaster_start_time() < interval '10 seconds'"
# Held until its session ends; false while another session holds it. The schema is part of the name
# of the locks: they are one space per database.
LOCK = "select pg_try_advisory_lock(hashtext(current_schema() || %(table)s), %(owner)s)"


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
        self._settled_at = 0.0
        self._unblocked_at = monotonic()
        self._free = FreeLocks()
        self._on_look: Callable[[Look], None] = lambda look: None
        self._checks = Periodic(self._check, CHECK_EVERY, report_failed_check)

    def after_looks(self, call: Callable[[Look], None]) -> None:
        """`call(look)` on the loop, once a second."""
        self._on_look = call

    async def start(self) -> None:
        self._life.health.expect("owner", lambda: self.number > 0)
        with refusal_logged():
            await self._database.call(self._lock)
        await self._checks.start()

    async def stop(self) -> None:
        await self._checks.stop()
        await self._database.call(self._unlock)

    async def _check(self) -> None:
        look = await self._database.call(self._keep_lock_and_look)
        if look:
            self._on_look(look)

    def _keep_lock_and_look(self) -> Look | None:
        """The lock lives as long as its session; a dead session is replaced."""
        try:
            if self._connection is None:
                self._lock()
                return None
            with self._database.deadlines.watch(self._connection.raw, DEADLINE):
                return self._look(self._connection)
        except psycopg2.Error:
            self.number = 0
            self._unlock()
            raise

    def _look(self, connection: Connection) -> Look:
        """One round trip where there is nothing to do."""
        look, now = self._table.look(connection, self._own), monotonic()
        dead = self._free.since(look.free, now, FREE_SECONDS)
        if now > self._settled_at and (dead or look.expired):
            rows = self._table.take_over(connection, dead, self._own)
            connection.commit()
            log.info("work_taken_over", work=self._table.name, rows=rows)
            return look._replace(due=True)
        if now - self._unblocked_at > UNBLOCK_EVERY:
            self._unblocked_at = now
            self._unblock_left(connection)
        return look

    def _unblock_left(self, connection: Connection) -> None:
        if rows := self._table.unblock_left(connection):
            log.warning("work_unblocked", work=self._table.name, rows=rows)
        connection.commit()

    def _lock(self) -> None:
        """Raises NumberHeld, and the database's errors."""
        connection = self._database.connect_directly()
        try:
            with self._database.deadlines.watch(connection.raw, DEADLINE):
                is_new = self._own or connection.exec_driver_sql(SERVER_IS_NEW).scalar()
                self._own = self._lock_number(connection)
                connection.commit()
        except BaseException:
            connection.close()
            raise
        self._refused = 0
        self._free.forget()
        self._settled_at = monotonic() + (SETTLED_SECONDS if is_new else 0.0)
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
        values = {"table": f".{self._table.name}", "owner": number}
        return bool(connection.exec_driver_sql(LOCK, values).scalar())

    def _unlock(self) -> None:
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
        self._connection, self.number = None, 0


class FreeLocks:
    """Since when the locks of owners have been free, look after look."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    def since(self, free: Iterable[int], now: float, seconds: float) -> list[int]:
        """Those of the owners that have been free for so long; who is not named is not free."""
        self._since = {owner: self._since.get(owner, now) for owner in free}
        return [owner for owner, at in self._since.items() if now - at >= seconds]

    def forget(self) -> None:
        self._since.clear()


def report_failed_check(error: Exception) -> None:
    log.warning("owner_waits", outage=is_outage(error), reason=reason_of(error), exc_info=error)
