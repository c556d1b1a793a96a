"""SQLAlchemy's connections for the use-cases, in the threads and with the retries of common."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import Connection

from common.postgres.database import TransactionThreads
from common.postgres.engine import connect
from common.service.lifecycle import Lifecycle

THREADS, OTHERS = 4, 2


class SqlAlchemyDatabase(TransactionThreads[Connection]):
    """A Component."""

    def __init__(self, dsn: str, schema: str, life: Lifecycle) -> None:
        super().__init__(life, THREADS)
        self._engine = connect(dsn, life.service, schema, THREADS + OTHERS, self.watch_connecting)

    async def stop(self) -> None:
        await super().stop()
        self._engine.dispose()

    @contextmanager
    def begun(self, deadline: float) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            with self.deadlines.watch(raw, deadline), connection.begin():
                yield connection

    def lost_connection(self, error: Exception) -> bool:
        return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
