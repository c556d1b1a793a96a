"""Behind a real PgBouncer: no `options`, no session of one's own; a lock needs a direct way."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from secrets import token_hex

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from structlog.testing import capture_logs
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import NewDatabase, Server
from tests.support.sample_service import JOBS, SCHEMA, create_tables

from common.postgres.connection import Connection
from common.postgres.database import Database
from common.postgres.dsn import dsn
from common.postgres.engine import connect
from common.postgres.errors import is_outage, is_unusable
from common.postgres.prepared import Prepared
from common.postgres.session_check import SETTINGS, UnusableSession
from common.service.lifecycle import Lifecycle
from common.work import Owner
from ops.create_roles import Passwords, create_roles

pytestmark = pytest.mark.integration
ROLE = SCHEMA
DOUBLE = Prepared("select %(n)s::int * 2 as doubled, 100 %% 7 as rest, 100 % 7 as same")

HELD = """select count(*) from pg_locks
where locktype = 'advisory' and granted and objid::int = any(%(n)s)"""


@pytest.fixture
def direct(new_database: NewDatabase, server: Server) -> str:
    """The URL of the sample service's role, whose settings it carries."""
    if not server.ours:
        pytest.skip("NOT RUN: it would make roles on a server that is not ours")
    database, password = new_database(), token_hex(8)
    create_tables(database)
    create_roles(database, {ROLE: Passwords(password, token_hex(8))})
    with closing(psycopg2.connect(database)) as connection, connection:
        connection.cursor().execute(
            f"grant all on all tables in schema {SCHEMA} to {ROLE};"
            f"grant all on all sequences in schema {SCHEMA} to {ROLE}"
        )
    return dsn(database_url(database, password))


def database_url(database: str, password: str) -> str:
    words = parse_dsn(database)
    return f"postgresql://{ROLE}:{password}@{words['host']}:{words['port']}/{words['dbname']}"


def past(direct: str, address: str) -> str:
    """The same through PgBouncer."""
    words = parse_dsn(direct)
    return dsn(f"postgresql://{ROLE}:{words['password']}@{address}/{words['dbname']}")


@pytest.fixture
def pooled(direct: str, home: Path) -> Iterator[str]:
    with pgbouncer(direct, {ROLE: parse_dsn(direct)["password"]}, home, sessions=2) as address:
        yield past(direct, address)


def shown(connection: Connection) -> dict[str, str]:
    return {name: connection.exec_driver_sql(f"show {name}").scalar() for name in SETTINGS}


async def test_transactions_of_many_threads_share_two_sessions_and_keep_their_limits(
    pooled: str,
) -> None:
    life = Lifecycle("tests")
    database = Database(pooled, SCHEMA, life, threads=8)
    await database.start()

    def work(n: int, connection: Connection) -> tuple[int, int, int]:
        first = connection.exec_driver_sql("select pg_backend_pid()").scalar()
        [row] = connection.exec_driver_sql(DOUBLE, {"n": n})
        assert first == connection.exec_driver_sql("select pg_backend_pid()").scalar()
        assert row.rest == row.same
        return int(first), row.doubled, row.rest

    found = await asyncio.gather(*(database.transaction(partial(work, n)) for n in range(200)))
    assert [doubled for _, doubled, _ in found] == [2 * n for n in range(200)]
    assert {rest for *_, rest in found} == {2}
    assert len({pid for pid, *_ in found}) <= 2
    limits = await database.transaction(shown)
    assert limits == SETTINGS
    with pytest.raises(psycopg2.errors.QueryCanceled):
        await database.transaction(
            lambda it: it.exec_driver_sql("set local statement_timeout = 50; select pg_sleep(5)")
        )
    await database.stop()


async def test_a_role_that_lacks_the_limits_is_refused_at_the_start_by_name(
    pooled: str, new_database: NewDatabase, direct: str
) -> None:
    words = parse_dsn(direct)
    with closing(psycopg2.connect(direct)) as connection, connection:
        connection.cursor().execute(f"alter role {ROLE} reset lock_timeout")
    assert words["user"] == ROLE
    life = Lifecycle("tests")
    database = Database(pooled, SCHEMA, life)
    with capture_logs() as logs, pytest.raises(UnusableSession, match="lacks lock_timeout"):
        await database.start()
    [line] = [line for line in logs if line["event"] == "database_refused"]
    assert "lock_timeout=2s: run python -m ops.create_roles" in line["reason"]
    assert words["password"] not in line["reason"]
    await database.stop()
    engine = connect(pooled, "tests", SCHEMA, 1)
    with pytest.raises(Exception, match="lacks lock_timeout") as refused:
        engine.connect()
    assert is_unusable(refused.value)
    assert is_outage(refused.value), "what runs already waits, and gives no record up"
    own = Database(direct, SCHEMA, life)
    with closing(own.connect()) as session:
        assert shown(session) == SETTINGS, "a session of one's own is given what is missing"


async def test_an_owner_is_refused_without_a_direct_way_and_told_what_to_set(pooled: str) -> None:
    life = Lifecycle("tests")
    database = Database(pooled, SCHEMA, life)
    await database.start()
    with capture_logs() as logs, pytest.raises(UnusableSession):
        await Owner(database, JOBS, life).start()
    [line] = [line for line in logs if line["event"] == "database_refused"]
    assert "DATABASE_DIRECT_HOST" in line["reason"]
    await database.stop()


async def test_owners_behind_a_pooler_hold_their_locks_past_it(pooled: str, direct: str) -> None:
    """Two replicas: through the pooler the second took the first, which lives, for dead."""
    life = Lifecycle("tests")
    databases = [Database(pooled, SCHEMA, life, direct_dsn=direct) for _ in range(2)]
    owners = [Owner(database, JOBS, life) for database in databases]
    for database, owner in zip(databases, owners, strict=True):
        await database.start()
        await owner.start()
    first, second = (owner.number for owner in owners)
    assert 0 < first < second
    values = {"n": [first, second]}
    count = await databases[0].transaction(lambda it: it.exec_driver_sql(HELD, values).scalar())
    assert count == 2
    for database, owner in zip(databases, owners, strict=True):
        await owner.stop()
        await database.stop()
    with closing(psycopg2.connect(direct)) as connection, connection.cursor() as cursor:
        cursor.execute(HELD, values)
        assert cursor.fetchone() == (0,), "a lock ends with its owner"


async def test_a_pooler_of_sessions_is_taken_at_the_operators_word(direct: str, home: Path) -> None:
    password = parse_dsn(direct)["password"]
    with pgbouncer(direct, {ROLE: password}, home, pool_mode="session") as address:
        life = Lifecycle("tests")
        database = Database(past(direct, address), SCHEMA, life, is_own_session=True)
        await database.start()
        owner = Owner(database, JOBS, life)
        await owner.start()
        assert owner.number > 0
        [row] = await database.transaction(lambda it: it.exec_driver_sql(DOUBLE, {"n": 21}).all())
        assert row.doubled == 42
        await owner.stop()
        await database.stop()
