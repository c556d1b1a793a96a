"""PostgreSQL from asyncio: cut at the deadline, repeated once; outages are no wrong statements."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from tests.support.components import running_components
from tests.support.postgres import NewDatabase, Server, execute

from common.postgres.connection import Connection, SqlConnection
from common.postgres.database import Database, TransactionThreads
from common.postgres.dsn import dsn
from common.postgres.engine import connect
from common.postgres.errors import is_outage, is_timeout
from common.service.lifecycle import Component, Lifecycle
from devkit.faults import FaultProxy, Toxic
from tenant_admin.core.sqlalchemy_database import SqlAlchemyDatabase

pytestmark = pytest.mark.integration


def one(connection: SqlConnection) -> int:
    found: int = connection.exec_driver_sql("select 1").scalar()
    return found


def using(url: str, into: list[Database]) -> Callable[[Lifecycle], Sequence[Component]]:
    def build(life: Lifecycle) -> Sequence[Component]:
        into.append(Database(url, "public", life))
        return into

    return build


@asynccontextmanager
async def behind_a_proxy(direct: str) -> AsyncIterator[tuple[FaultProxy, str]]:
    """The proxy, and the URL that leads through it."""
    url = sa.engine.make_url(direct)
    async with FaultProxy("127.0.0.1", url.port or 0) as proxy:
        yield proxy, url.set(port=proxy.port).render_as_string(hide_password=False)


async def test_a_frozen_server_is_cut_at_the_deadline_and_forgotten(
    new_database: NewDatabase,
) -> None:
    async with behind_a_proxy(new_database()) as (proxy, through):
        databases: list[Database] = []
        async with running_components(using(through, databases)):
            (database,) = databases
            assert await database.transaction(one) == 1
            proxy.add(Toxic("blackhole"))
            began = time.monotonic()
            with pytest.raises(psycopg2.OperationalError) as cut:
                await database.transaction(one, deadline=0.5)
            assert is_outage(cut.value)
            assert is_timeout(cut.value)
            assert 0.5 <= time.monotonic() - began < 8
            proxy.heal()
            assert await database.transaction(one) == 1


async def test_a_caller_that_asks_for_too_much_is_cut_once_and_the_service_stays_ready(
    new_database: NewDatabase,
) -> None:
    databases: list[Database] = []
    tries: list[int] = []

    def too_much(connection: Connection) -> None:
        tries.append(len(tries))
        connection.exec_driver_sql("set local statement_timeout = 100; select pg_sleep(60)")

    async with running_components(using(new_database(), databases)) as life:
        (database,) = databases
        with pytest.raises(psycopg2.errors.QueryCanceled) as cut:
            await database.long_transaction(too_much)
        assert is_timeout(cut.value)
        assert tries == [0]
        assert "database" not in life.health.not_ready()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            await database.transaction(too_much)
        assert "database" in life.health.not_ready()


async def test_a_transaction_that_lost_its_connection_is_tried_once_more(
    new_database: NewDatabase,
) -> None:
    databases: list[Database] = []
    tries: list[int] = []

    def killed_first(connection: Connection) -> int:
        tries.append(len(tries))
        if len(tries) == 1:
            connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")
        return one(connection)

    def killed_always(connection: Connection) -> None:
        tries.append(len(tries))
        connection.exec_driver_sql("select pg_terminate_backend(pg_backend_pid())")

    async with running_components(using(new_database(), databases)):
        assert await databases[0].transaction(killed_first) == 1
        assert tries == [0, 1]
        tries.clear()
        with pytest.raises(psycopg2.OperationalError) as caught:
            await databases[0].transaction(killed_always)
        assert tries == [0, 1]
        assert is_outage(caught.value)


async def test_a_wrong_statement_is_raised_at_once_also_to_the_patient(
    new_database: NewDatabase,
) -> None:
    databases: list[Database] = []
    async with running_components(using(new_database(), databases)):
        with pytest.raises(psycopg2.ProgrammingError):
            await databases[0].transaction_with_retry(
                lambda it: it.exec_driver_sql("select nothing_there")
            )


def write(connection: SqlConnection) -> None:
    connection.exec_driver_sql("insert into written values (1)")


def turn_read_only(connection: SqlConnection) -> None:
    """What a failover leaves of a session: the server that it is with is a standby now."""
    connection.exec_driver_sql("set default_transaction_read_only = on")


def written(url: str) -> list[tuple[int]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("select * from written")
        return list(cursor.fetchall())


async def test_a_session_that_is_read_only_after_a_failover_is_thrown_away(
    new_database: NewDatabase,
) -> None:
    url = new_database()
    with closing(psycopg2.connect(url)) as connection, connection:
        connection.cursor().execute("create table written (n int)")
    life = Lifecycle("tests")
    ours = Database(url, "public", life, threads=1)
    databases: list[TransactionThreads[Any]] = [ours, SqlAlchemyDatabase(url, "public", life)]
    for count, database in enumerate(databases, start=1):
        await database.start()
        await database.transaction(turn_read_only)
        await database.transaction(write)
        assert written(url) == count * [(1,)]
        await database.stop()


def test_a_server_that_takes_no_writes_is_no_database(
    new_database: NewDatabase, server: Server
) -> None:
    url = new_database()
    name = sa.engine.make_url(url).database
    execute(server.url, f"alter database {name} set default_transaction_read_only = on")
    with pytest.raises(psycopg2.OperationalError, match="session is read-only") as refused:
        psycopg2.connect(dsn(url))
    assert is_outage(refused.value)
    execute(server.url, f"alter database {name} reset all")
    psycopg2.connect(dsn(url)).close()


def message(kind: bytes, body: bytes) -> bytes:
    """https://www.postgresql.org/docs/18/protocol-message-formats.html"""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


GREETING = b"".join(
    [
        message(b"R", bytes(4)),  # AuthenticationOk
        message(b"S", b"server_version\0" + b"18.0\0"),
        message(b"S", b"client_encoding\0UTF8\0"),
        message(b"S", b"DateStyle\0ISO, MDY\0"),
        message(b"S", b"standard_conforming_strings\0on\0"),
        message(b"K", bytes(8)),
        message(b"Z", b"I"),
    ]
)


async def greet_and_freeze(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
    writer.write(GREETING)
    await reader.read()  # until it is cut
    writer.close()


async def failure_of(database: TransactionThreads[Any]) -> BaseException:
    """As psycopg2 raised it."""
    with pytest.raises(Exception, match="more than") as failed:
        await database.transaction(one)
    cause: BaseException = getattr(failed.value, "orig", failed.value)
    return cause


async def test_a_server_that_freezes_right_after_its_greeting_is_cut_too() -> None:
    server = await asyncio.start_server(greet_and_freeze, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://u:p@127.0.0.1:{port}/d?sslmode=disable&gssencmode=disable"
    life = Lifecycle("tests")
    databases: list[TransactionThreads[Any]] = [
        Database(url, "public", life),
        SqlAlchemyDatabase(url, "public", life),
    ]
    for database in databases:
        database.deadlines.start()
    failed = await asyncio.gather(*(failure_of(database) for database in databases))
    assert [is_timeout(error) for error in failed] == [True, True]
    for database in databases:
        await database.stop()
    server.close()


async def test_start_waits_for_a_server_that_is_not_there_yet(new_database: NewDatabase) -> None:
    async with behind_a_proxy(new_database()) as (proxy, through):
        proxy.add(Toxic("close"))
        life = Lifecycle("tests")
        database = Database(through, "public", life)
        starting = asyncio.create_task(database.start())
        done, _ = await asyncio.wait({starting}, timeout=0.3)
        assert not done
        proxy.heal()
        await asyncio.wait_for(starting, 10)
        await database.stop()


async def test_an_outage_makes_it_not_ready_until_a_transaction_succeeds(
    new_database: NewDatabase,
) -> None:
    async with behind_a_proxy(new_database()) as (proxy, through):
        databases: list[Database] = []
        async with running_components(using(through, databases)) as life:
            assert "database" not in life.health.not_ready()
            proxy.add(Toxic("close"))
            with pytest.raises(psycopg2.Error):
                await databases[0].transaction(one)
            assert "database" in life.health.not_ready()
            proxy.heal()
            await databases[0].transaction_with_retry(one)
            assert "database" not in life.health.not_ready()
            with pytest.raises(psycopg2.ProgrammingError):
                await databases[0].transaction(
                    lambda it: it.exec_driver_sql("select nothing_there")
                )
            assert "database" not in life.health.not_ready(), "a wrong statement is no outage"


def failing(url: str, *statements: str) -> Exception:
    engine = connect(url, "tests", "public", 1)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    except sa.exc.DBAPIError as error:
        return error
    finally:
        engine.dispose()
    raise AssertionError("nothing failed")


TOO_LONG = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))


@pytest.mark.parametrize(
    ("statements", "outage"),
    [
        (("select pg_terminate_backend(pg_backend_pid())",), True),
        (("set transaction read only", "create table t (a int)"), True),
        (("set local statement_timeout = 50", "select pg_sleep(5)"), True),
        (("select 1/0",), False),
        (("create table t (a text unique)", f"insert into t values ('{TOO_LONG}')"), False),
        (("create table t (a int unique)", "insert into t values (1), (1)"), False),
    ],
    ids=["killed", "read-only", "timeout", "division", "never fits an index", "duplicate"],
)
def test_only_what_waiting_can_cure_is_an_outage(
    new_database: NewDatabase, statements: tuple[str, ...], outage: bool
) -> None:
    assert is_outage(failing(new_database(), *statements)) is outage


def test_a_server_that_is_not_there_is_an_outage(new_database: NewDatabase) -> None:
    nowhere = sa.engine.make_url(new_database()).set(port=1)
    assert is_outage(failing(nowhere.render_as_string(hide_password=False), "select 1"))
