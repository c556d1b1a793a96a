"""What an error of PostgreSQL means, whether psycopg2 or SQLAlchemy raised it."""

import psycopg2
import sqlalchemy as sa

from common.postgres.session_check import UnusableSession

# Connection, resources, shutdown and timeouts, disk; read-only after a failover, serialization
# failure, deadlock, lock timeout. https://www.postgresql.org/docs/18/errcodes-appendix.html
WAIT_STATES = ("08", "53", "57", "58", "25006", "40001", "40P01", "55P03")
TIMEOUT_STATES = ("57014", "55P03")  # statement, lock
# What the server cannot do, authorization, databases, schemas, names and rights, its own faults.
FAULT_CLASSES = ("0A", "28", "3D", "3F", "42", "F0", "XX")
READ_ONLY_STATE = "25006"
DRIVER_ERRORS = (psycopg2.OperationalError, psycopg2.InterfaceError)
POOL_ERRORS = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class DeadlineExceeded(psycopg2.OperationalError):
    """The connection was cut: the server is frozen, or there was too much to do."""


def is_outage(error: BaseException) -> bool:
    """Wait and repeat; the statement was not wrong.

    The state decides where the server gave one: psycopg2's OperationalError also covers values that
    will never fit (54000), and waiting for these would block a partition without end.
    """
    if state := sqlstate(error):
        return state.startswith(WAIT_STATES)
    return isinstance(error, (*DRIVER_ERRORS, *POOL_ERRORS))


def is_unusable(error: BaseException) -> bool:
    """Waiting at the start would be in vain."""
    return isinstance(getattr(error, "orig", error), UnusableSession)


def reason_of(error: BaseException) -> str:
    """For logs: SQLSTATE; of a connection that failed libpq's words, which hold no row."""
    cause = getattr(error, "orig", error)
    if isinstance(cause, DRIVER_ERRORS) and not sqlstate(error) and str(cause):
        return str(cause).splitlines()[0]
    return sqlstate(error) or type(error).__name__


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
    """None where it is not the server that refused something."""
    return getattr(getattr(error, "orig", error), "pgcode", None)
