"""PostgreSQL from asyncio: transactions in a few threads, each with a connection of its own.

One whole transaction per call; never a model or HTTP call inside. At its deadline a connection is
cut, and the thread gets another. Every transaction must be safe to repeat: one that lost its
connection is tried once more.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import Any, Generic, Self, TypeVar

import structlog

from common.postgres.connection import Connection
from common.postgres.deadlines import Deadlines
from common.postgres.dsn import direct_dsn_of, dsn_of
from common.postgres.engine import connection_arguments
from common.postgres.errors import (
    READ_ONLY_STATE,
    DeadlineExceeded,
    is_outage,
    is_timeout,
    is_unusable,
    reason_of,
    sqlstate,
)
from common.postgres.session_check import NO_SESSION, UnusableSession
from common.postgres.threads import LastUsedFirst
from common.service.lifecycle import Lifecycle
from common.service.settings import WorkDatabaseSettings

log = structlog.get_logger()
T = TypeVar("T")
E = TypeVar("E")
C = TypeVar("C")  # an SqlConnection
Body = Callable[[Connection], T]
DEADLINE, LONG_DEADLINE = 5.0, 20.0
RECYCLE_SECONDS = 1800.0  # an old session holds memory of every statement that it has seen


class TransactionThreads(ABC, Generic[C]):
    """A Component. `threads` serve the loop; consumers use their own."""

    def __init__(self, life: Lifecycle, threads: int) -> None:
        self._life = life
        self._reachable = True
        self.deadlines = Deadlines(life.loop)
        self._executor = LastUsedFirst(threads, "database")

    @abstractmethod
    def begun(self, deadline: float) -> AbstractContextManager[C]:
        """A connection in a transaction that is committed at the end, rolled back on errors, and
        cut after `deadline` seconds."""

    @abstractmethod
    def lost_connection(self, error: Exception) -> bool:
        """Whether this thread's last transaction ended with its connection."""

    async def start(self) -> None:
        """Waits for the database: dependencies may come up in any order. Raises UnusableSession."""
        self.deadlines.start()
        self._life.health.expect("database", lambda: self._reachable)
        with refusal_logged():
            await self.call_with_retry(lambda: self.run_transaction(ask), is_unusable)

    async def stop(self) -> None:
        await asyncio.to_thread(self._executor.shutdown)
        self.deadlines.stop()

    def watch_connecting(self, raw: Any) -> AbstractContextManager[None]:
        """For what is asked of a new connection."""
        return self.deadlines.watch(raw, DEADLINE)

    async def call(self, function: Callable[[], T]) -> T:
        """`function()` in one of the threads."""
        return await self._life.loop.run_in_executor(self._executor, function)

    async def transaction(self, body: Callable[[C], T], deadline: float = DEADLINE) -> T:
        """`body(connection)` in one transaction in a thread; its result after the commit."""
        return await self.call(lambda: self.run_transaction(body, deadline))

    async def long_transaction(self, body: Callable[[C], T]) -> T:
        """A transaction of one caller that asks for much: that it takes too long says nothing of
        the database."""
        return await self.call(lambda: self._run(body, LONG_DEADLINE, is_check=False))

    async def transaction_with_retry(self, body: Callable[[C], T]) -> T:
        """A transaction repeated until the database is back; other errors are raised."""
        return await self.call_with_retry(lambda: self.run_transaction(body))

    async def call_with_retry(
        self, function: Callable[[], T], is_final: Callable[[Exception], bool] | None = None
    ) -> T:
        """`function()`, which runs a transaction, repeated until the database is back; errors
        that are final are raised."""
        wait = 0.05
        while True:
            try:
                return await self.call(function)
            except Exception as error:
                if not is_outage(error) or (is_final and is_final(error)):
                    raise
                log.warning("database_waits", reason=reason_of(error), exc_info=error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 2.0)

    def run_transaction(self, body: Callable[[C], T], deadline: float = DEADLINE) -> T:
        """A transaction in the calling thread, for consumers. Tried again after a lost connection.

        Not ready while the last transaction met an outage; nothing is asked for that alone.
        """
        return self._run(body, deadline, is_check=True)

    def _run(self, body: Callable[[C], T], deadline: float, *, is_check: bool) -> T:
        """Without `is_check` a timeout is no outage."""
        for is_last in (False, True):
            try:
                with self.begun(deadline) as connection:
                    result = body(connection)
                self._reachable = True
                return result
            except Exception as error:
                if is_check or not is_timeout(error):
                    self._reachable = not is_outage(error)
                if is_last or not self.lost_connection(error):
                    raise
        raise AssertionError  # the last try returns or raises


@contextmanager
def refusal_logged() -> Iterator[None]:
    """Of a start: tells what to change before the process ends."""
    try:
        yield
    except Exception as error:
        if is_unusable(error):
            log.error("database_refused", reason=reason_of(error))
        raise


def ask(connection: Any) -> None:
    """Any statement will do. An SqlConnection."""
    connection.exec_driver_sql("select 1")


class Database(TransactionThreads[Connection]):
    """Connections of psycopg2, one for each thread that asks: they live as long as the thread.

    direct_dsn: past a pooler. is_own_session: a pooler there gives every client its own session.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        life: Lifecycle,
        *,
        threads: int = 4,
        direct_dsn: str | None = None,
        is_own_session: bool = False,
    ) -> None:
        super().__init__(life, threads)
        self._schema = schema
        self._arguments = connection_arguments(dsn, life.service)
        self._direct_arguments = connection_arguments(direct_dsn or dsn, life.service)
        self._is_own_session = is_own_session
        self._of_thread = threading.local()

    @classmethod
    def of(cls, settings: WorkDatabaseSettings, schema: str, life: Lifecycle) -> Self:
        return cls(
            dsn_of(settings),
            schema,
            life,
            direct_dsn=direct_dsn_of(settings),
            is_own_session=settings.database_pool_mode == "session",
        )

    def connect(self) -> Connection:
        """One that is the caller's. Raises psycopg2.OperationalError."""
        return self._connect(self._arguments)

    def connect_directly(self) -> Connection:
        """Whose session is the caller's as long as the connection. Raises UnusableSession."""
        connection = self._connect(self._direct_arguments)
        if connection.is_shared:
            connection.close()
            raise UnusableSession(NO_SESSION)
        return connection

    def _connect(self, arguments: dict[str, Any]) -> Connection:
        return Connection(
            arguments,
            self._schema,
            watch=self.watch_connecting,
            is_own_session=self._is_own_session,
        )

    @contextmanager
    def begun(self, deadline: float) -> Iterator[Connection]:
        connection = self._connection()
        with self.deadlines.watch(connection.raw, deadline):
            try:
                yield connection
                connection.commit()
            except BaseException as error:
                connection.rollback()
                if sqlstate(error) == READ_ONLY_STATE:  # a server that is no longer the primary
                    connection.close()
                raise

    def lost_connection(self, error: Exception) -> bool:
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        is_cut = isinstance(error, DeadlineExceeded)
        return connection is not None and connection.closed and not is_cut

    def _connection(self) -> Connection:
        """This thread's."""
        mine = self._of_thread
        if not hasattr(mine, "connection") or mine.connection.closed or monotonic() > mine.until:
            if hasattr(mine, "connection"):
                mine.connection.close()
                del mine.connection
            mine.connection, mine.until = self.connect(), monotonic() + RECYCLE_SECONDS
        connection: Connection = mine.connection
        return connection


def in_transaction(
    database: Database,
    store: Callable[[Connection, Sequence[E]], T],
    after_commit: Callable[[T], None] = lambda _: None,
) -> Callable[[Sequence[E]], None]:
    """A consumer's handler: stores the batch in one transaction, then `after_commit(result)`."""

    def handle(events: Sequence[E]) -> None:
        after_commit(database.run_transaction(lambda connection: store(connection, events)))

    return handle
