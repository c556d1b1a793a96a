"""Several statements in one round trip.

psycopg2 fills parameters in on the client's side and speaks the simple protocol, so one string may
hold many statements. A round trip costs both sides a wake-up, often more than the statement itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

Statement = tuple[str, Mapping[str, Any]]
NO_WAIT = "set local synchronous_commit = off;"  # before statements that may be lost and repeated


def execute_together(connection: Connection, statements: Sequence[Statement]) -> Sequence[Row[Any]]:
    """Runs them in order, in the transaction of the connection.

    Returns the rows of the last one; none without a statement or where it returns none.
    """
    if not statements:
        return []
    cursor = connection.connection.cursor()
    filled = b";".join(cursor.mogrify(sql, values) for sql, values in statements)
    cursor.close()
    result = connection.exec_driver_sql(filled.decode(), execution_options={"no_parameters": True})
    return result.all() if result.returns_rows else []
