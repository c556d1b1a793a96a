"""What every session needs: the role has it, else it is set when the connection is made.

Nothing travels in the startup packet's `options`: poolers refuse them. One question per connection
tells what the role lacks, and whether a pooler stands between, which may give each transaction
another session: there nothing can be set, prepared or locked for longer than a transaction.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import psycopg2

Watch = Callable[[Any], AbstractContextManager[None]]  # cuts a psycopg2 connection that hangs

SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    # Statements are short and known: no compiling, and one plan whatever the values are.
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    # The server's side: a session whose client is gone ends within 20 s, not after two hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
# Read of the socket, which may be a pooler's and no TCP at all.
OF_THE_SOCKET = {name for name in SETTINGS if name.startswith("tcp_")}
ASK = """select pg_backend_pid(),
  array(select current_setting(name) from unnest(%s) with ordinality as n(name, i) order by i)"""
NO_SETTINGS = (
    "a pooler stands between, and the role lacks {}: run python -m ops.create_roles,"
    " or ALTER ROLE ... SET"
)
NO_SESSION = (
    "DATABASE_URL leads to a pooler, which may hand a lock to another client: set"
    " DATABASE_DIRECT_HOST to host:port of PostgreSQL itself, or DATABASE_POOL_MODE=session"
    " where the pooler gives every client a session of its own"
)


def unwatched(_: Any) -> AbstractContextManager[None]:
    return nullcontext()


class UnusableSession(psycopg2.OperationalError):
    """What to change so that the service can work here. An outage for what runs already."""


def prepare_session(
    raw: Any, schema: str, *, watch: Watch = unwatched, is_own: bool = False
) -> bool:
    """Sets what is missing; whether sessions are shared through a pooler.

    `raw`: a new psycopg2 connection, which gets autocommit; closed on errors. is_own: a pooler is
    known not to share them. Raises UnusableSession, and the database's errors.
    """
    try:
        raw.autocommit = True
        with watch(raw):
            return ask_and_set(raw, schema, is_own=is_own)
    except BaseException:
        raw.close()
        raise


def ask_and_set(raw: Any, schema: str, *, is_own: bool) -> bool:
    needed = {"search_path": schema, **SETTINGS}
    with raw.cursor() as cursor:
        cursor.execute(ASK, (list(needed),))
        pid, found = cursor.fetchone()
        present = dict(zip(needed, found, strict=True))
        lacking = {name: value for name, value in needed.items() if present[name] != value}
        # A pooler makes up the pid that it names in its greeting.
        is_shared = not is_own and pid != raw.info.backend_pid
        if is_shared and (names := lacking.keys() - OF_THE_SOCKET):
            missing = ", ".join(f"{name}={needed[name]}" for name in sorted(names))
            raise UnusableSession(NO_SETTINGS.format(missing))
        if lacking and not is_shared:
            cursor.execute("; ".join(f"set {name} = '{value}'" for name, value in lacking.items()))
    return is_shared
