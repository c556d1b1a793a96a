"""PostgreSQL from asyncio: SQLAlchemy Core over psycopg2 in a bounded pool of threads.

One whole transaction per call; never a model or HTTP call inside. At its deadline a connection is
cut, and the pool replaces it. Every transaction must be safe to repeat: one that lost its
connection is tried once more.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection, Engine

from common.postgres.deadlines import DeadlineExceeded, Deadlines
from common.service.lifecycle import Lifecycle

log = structlog.get_logger()
T = TypeVar("T")
E = TypeVar("E")
Body = Callable[[Connection], T]
DEADLINE = 5.0
BEGIN = "begin"

# Connection, resources, shutdown and timeouts, disk; read-only after a failover, serialization
# failure, deadlock, lock timeout. https://www.postgresql.org/docs/18/errcodes-appendix.html
WAIT_STATES = ("08", "53", "57", "58", "25006", "40001", "40P01", "55P03")
TIMEOUT_STATES = ("57014", "55P03")  # statement, lock
# What the server cannot do, authorization, databases, schemas, names and rights, its own faults.
FAULT_CLASSES = ("0A", "28", "3D", "3F", "42", "F0", "XX")


def is_outage(error: BaseException) -> bool:
    """Wait and repeat; the statement was not wrong.

    The state decides where the server gave one: psycopg2's OperationalError also covers values that
    will never fit (54000), and waiting for these would block a partition without end.
    """
    if state := sqlstate(error):
        return state.startswith(WAIT_STATES)
    return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError)


def is_schema_fault(error: BaseException) -> bool:
    """A right, a table or a column is missing, or the server is broken: no value is to blame."""
    return (sqlstate(error) or "").startswith(FAULT_CLASSES)


def wait_reason(error: BaseException) -> str | None:
    """For consumers, which give no record up for a fault of ours: why to wait and repeat, as
    SQLSTATE or type; None when a value is to blame."""
    if is_outage(error) or is_schema_fault(error):
        return sqlstate(error) or type(error).__name__
    return None


def is_timeout(error: BaseException) -> bool:
    """A statement, a lock or the whole transaction took too long; less of it may not."""
    return isinstance(error, DeadlineExceeded) or sqlstate(error) in TIMEOUT_STATES


def sqlstate(error: BaseException) -> str | None:
    return getattr(getattr(error, "orig", None), "pgcode", None)


def driver_url(url: str) -> str:
    """postgres:// and postgresql:// are what people have; SQLAlchemy wants the driver's name."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgres", "postgresql"):
        raise ValueError("DATABASE_URL must begin with postgresql://")
    return f"postgresql+psycopg2://{rest}"


def connect(url: str, service: str, schema: str, connections: int) -> Engine:
    """hide_parameters keeps values out of SQLAlchemy's part of an error; the server's may quote."""
    options = (
        f"-c search_path={schema} -c statement_timeout=5000 -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000"
        # The server's side: a session whose client is gone ends within 20 s, not after two hours.
        " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
    )
    return sa.create_engine(
        driver_url(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=5,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "application_name": service,
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 8000,
            "options": options,
        },
    )


class Database:
    """A Component. `threads` serve the loop; `others` are connections for consumer threads."""

    def __init__(
        self, url: str, schema: str, life: Lifecycle, *, threads: int = 4, others: int = 2
    ) -> None:
        engine = connect(url, life.service, schema, threads + others)
        self.engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        sa.event.listen(
            self.engine, "before_cursor_execute", begin_with_first_statement, retval=True
        )
        self._life = life
        self._reachable = True
        self._deadlines = Deadlines(life.loop)
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="database")

    async def start(self) -> None:
        """Waits for the database: dependencies may come up in any order."""
        self._deadlines.start()
        self._life.health.expect("database", lambda: self._reachable)
        await self.transaction_with_retry(lambda connection: connection.exec_driver_sql("select 1"))

    async def stop(self) -> None:
        await asyncio.to_thread(self._executor.shutdown)
        self._deadlines.stop()
        self.engine.dispose()

    async def transaction(self, body: Body[T], deadline: float = DEADLINE) -> T:
        """`body(connection)` in one transaction in a thread; its result after the commit."""
        return await self._life.loop.run_in_executor(
            self._executor, self.run_transaction, body, deadline
        )

    async def transaction_with_retry(self, body: Body[T]) -> T:
        """A transaction repeated until the database is back; other errors are raised."""
        wait = 0.05
        while True:
            try:
                return await self.transaction(body)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("database_waits", exc_info=error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 2.0)

    def run_transaction(self, body: Body[T], deadline: float = DEADLINE) -> T:
        """A transaction in the calling thread, for consumers. Tried again after a lost connection.

        Not ready while the last transaction met an outage; nothing is asked for that alone.
        """
        for is_last in (False, True):
            try:
                with self._begun(deadline) as connection:
                    result = body(connection)
                self._reachable = True
                return result
            except Exception as error:
                self._reachable = not is_outage(error)
                if is_last or not lost_connection(error):
                    raise
        raise AssertionError  # the last try returns or raises

    @contextmanager
    def deadline(self, connection: Connection, seconds: float = DEADLINE) -> Iterator[None]:
        """A connection that is still busy after `seconds` is cut."""
        with self._deadlines.watch(connection.connection.dbapi_connection, seconds):
            yield

    @contextmanager
    def _begun(self, deadline: float) -> Iterator[Connection]:
        """A connection in a transaction, whose BEGIN travels with the first statement: this spares
        every transaction a round trip. The engine is on AUTOCOMMIT, so commit is said by hand."""
        with self.engine.connect() as connection, self.deadline(connection, deadline):
            connection.info[BEGIN] = True
            try:
                yield connection
                if not connection.info.pop(BEGIN, False):
                    connection.exec_driver_sql("commit")
            except BaseException:
                if not connection.invalidated and not connection.info.pop(BEGIN, False):
                    with suppress(sa.exc.DBAPIError):
                        connection.exec_driver_sql("rollback")
                raise


def begin_with_first_statement(
    connection: Connection, _: Any, statement: str, values: Any, *__: Any
) -> Any:
    """SQLAlchemy's before_cursor_execute: the statement, with BEGIN before it where it is due."""
    if not connection.invalidated and connection.info.pop(BEGIN, False):
        statement = f"begin;{statement}"
    return statement, values


def lost_connection(error: BaseException) -> bool:
    return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated


def in_transaction(
    database: Database,
    store: Callable[[Connection, Sequence[E]], T],
    after_commit: Callable[[T], None] = lambda _: None,
) -> Callable[[Sequence[E]], None]:
    """A consumer's handler: stores the batch in one transaction, then `after_commit(result)`."""

    def handle(events: Sequence[E]) -> None:
        after_commit(database.run_transaction(lambda connection: store(connection, events)))

    return handle
