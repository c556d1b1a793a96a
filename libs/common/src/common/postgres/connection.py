"""A psycopg2 connection as the services use it: strings of statements, one round trip each.

psycopg2 fills parameters in on the client's side and speaks the simple protocol, so one string may
hold many statements. A round trip costs both sides a wake-up, often more than the statement itself.
SQLAlchemy's own connection cost a third of a millisecond per transaction on a machine that is
mostly idle; it is left to tenant-admin. Both are an SqlConnection.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import orjson
import psycopg2
from psycopg2.extras import NamedTupleCursor, register_default_json, register_default_jsonb

from common.postgres.prepared import Prepared
from common.postgres.session_check import Watch, prepare_session, unwatched

Values = dict[str, Any]
Statement = tuple[str, Values]
NO_WAIT = "set local synchronous_commit = off"  # before statements that may be lost and repeated


class SqlRows(Protocol):
    """What a statement returned; each row has its columns as attributes."""

    def __iter__(self) -> Iterator[Any]: ...

    def all(self) -> Sequence[Any]: ...

    def scalar(self) -> Any: ...


class SqlConnection(Protocol):
    """Ours, and SQLAlchemy's."""

    def exec_driver_sql(self, statement: str, parameters: Any = None, /) -> SqlRows: ...


class Rows:
    """See SqlRows."""

    def __init__(self, rows: Sequence[Any], rowcount: int) -> None:
        self._rows = rows
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        return self._rows

    def scalar(self) -> Any:
        """The first value of the first row, None without a row."""
        return self._rows[0][0] if self._rows else None


class Connection:
    """For one thread at a time. BEGIN travels with the first statement of a transaction; the last
    string may carry the commit."""

    def __init__(
        self,
        arguments: Mapping[str, Any],
        schema: str,
        *,
        watch: Watch = unwatched,
        is_own_session: bool = False,
    ) -> None:
        """`arguments` of psycopg2.connect, the rest of prepare_session. Raises OperationalError."""
        self.raw = psycopg2.connect(**arguments, cursor_factory=NamedTupleCursor)
        self.is_shared = prepare_session(self.raw, schema, watch=watch, is_own=is_own_session)
        register_default_json(self.raw, loads=orjson.loads)
        register_default_jsonb(self.raw, loads=orjson.loads)
        self._begun = False
        self._prepared: set[str] = set()

    @property
    def closed(self) -> bool:
        return bool(self.raw.closed)

    def exec_driver_sql(self, statement: str, parameters: Values | None = None, /) -> Rows:
        """Named as in SQLAlchemy. Begins a transaction."""
        return self.execute_together([(statement, parameters or {})])

    def execute_together(self, statements: Sequence[Statement], *, commit: bool = False) -> Rows:
        """Runs them in order in one round trip, within the transaction; the rows of the last one.

        With `commit` the transaction ends with them. The rows are then lost if it had begun before;
        otherwise the string is a transaction of its own, and they are returned.
        """
        with self.raw.cursor() as cursor:
            new: set[str] = set()  # to be prepared by this string
            parts = [self._filled(cursor, sql, values, new) for sql, values in statements]
            alone = commit and not self._begun
            if not self._begun and not alone:
                parts.insert(0, b"begin")
                self._begun = True
            if commit and not alone:
                parts.append(b"commit")
            if parts:
                self._execute(cursor, b";".join(parts), statements)
            self._begun = self._begun and not commit
            rows = cursor.fetchall() if cursor.description is not None else []
            return Rows(rows, cursor.rowcount)

    def commit(self) -> None:
        """Nothing where nothing was begun."""
        if self._begun:
            self.execute_together([], commit=True)

    def rollback(self) -> None:
        """After an error; a connection that cannot even do that is closed."""
        if self._begun and not self.closed:
            self._begun = False
            with suppress(psycopg2.Error):
                self.raw.cursor().execute("rollback")
                return
            self.close()

    def close(self) -> None:
        with suppress(psycopg2.Error):
            self.raw.close()

    def _filled(self, cursor: Any, sql: str, values: Values, new: set[str]) -> bytes:
        if not isinstance(sql, Prepared):
            return bytes(cursor.mogrify(sql, values)) if values else sql.encode()
        if self.is_shared:
            return bytes(cursor.mogrify(sql.unprepared, values)) if values else sql.text.encode()
        call: bytes = cursor.mogrify(f"execute {sql.name}{sql.arguments}", values)
        if sql.name in self._prepared or sql.name in new:
            return call
        new.add(sql.name)
        return f"prepare {sql.name} as {sql.text};".encode() + call

    def _execute(self, cursor: Any, text: bytes, statements: Iterable[Statement]) -> None:
        """A PREPARE outlives the rollback of its transaction; after an error it is not known which
        of them ran."""
        names = set[str]()
        if not self.is_shared:
            names = {sql.name for sql, _ in statements if isinstance(sql, Prepared)}
        try:
            cursor.execute(text)
        except psycopg2.Error:
            if not names <= self._prepared and not self.closed:
                self._forget_prepared()
            raise
        self._prepared |= names

    def _forget_prepared(self) -> None:
        self.rollback()
        self._prepared.clear()
        with suppress(psycopg2.Error):
            self.raw.cursor().execute("deallocate all")
