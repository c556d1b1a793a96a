import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import errors
from tests.support.processes import is_alive
from tests.support.waiting import eventually_async

from devkit.stack.ports import free_ports
from devkit.stack.postgres import LocalPostgres
from devkit.stack.server_process import CannotStart

pytestmark = pytest.mark.integration
SERVICES = ("assistant", "sender", "tenant_admin")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where `nobody` can reach it, should the tests run as root."""
    path = Path(tempfile.mkdtemp(dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[LocalPostgres]:
    server = LocalPostgres.start(folder / "module", free_ports(1)[0])
    yield server
    server.stop()


@pytest.fixture
def database(postgres: LocalPostgres) -> str:
    name = f"d_{uuid4().hex}"
    postgres.create_database(name)
    postgres.create_roles(name, SERVICES)
    return name


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_service_finds_its_own_tables_without_a_prefix(
    postgres: LocalPostgres, database: str
) -> None:
    url = postgres.url(database, "assistant")
    query(postgres.url(database, "assistant_owner"), "CREATE TABLE turn AS SELECT 7 AS id")
    assert query(url, "SELECT id FROM assistant.turn") == [(7,)]
    assert query(url, "SELECT id FROM turn") == [(7,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM assistant.turn",
        "CREATE TABLE assistant.mine (id int)",
        "CREATE TABLE public.mine (id int)",
    ],
)
def test_a_service_cannot_touch_what_is_not_its_own(
    postgres: LocalPostgres, database: str, statement: str
) -> None:
    query(postgres.url(database, "assistant_owner"), "CREATE TABLE turn (id int)")
    with pytest.raises(errors.InsufficientPrivilege):
        query(postgres.url(database, "sender"), statement)


def test_the_servers_log_keeps_no_password_of_a_role(postgres: LocalPostgres) -> None:
    """As managed databases have it: log_statement=ddl."""
    query(postgres.url(), "ALTER ROLE postgres SET log_statement = 'ddl'")
    try:
        name = f"d_{uuid4().hex}"
        postgres.create_database(name)
        postgres.create_roles(name, SERVICES)
    finally:
        query(postgres.url(), "ALTER ROLE postgres RESET log_statement")
    logged = postgres.log.read_text()
    assert logged.count("PASSWORD 'SCRAM-SHA-256$4096:") == 2 * len(SERVICES)
    for role in (*SERVICES, *(f"{service}_owner" for service in SERVICES)):
        assert postgres.password(role) not in logged
        query(postgres.url(name, role), "SELECT 1")


def test_a_wrong_password_is_refused(postgres: LocalPostgres) -> None:
    url = postgres.url().replace(postgres.password("postgres"), "wrong")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        query(url, "SELECT 1")


def test_creating_again_keeps_what_is_there(postgres: LocalPostgres, database: str) -> None:
    query(postgres.url(database, "sender_owner"), "CREATE TABLE delivery AS SELECT 1 AS id")
    postgres.create_database(database)
    postgres.create_roles(database, SERVICES)
    assert query(postgres.url(database, "sender"), "SELECT id FROM delivery") == [(1,)]


def test_a_database_is_copied_from_its_template(postgres: LocalPostgres, database: str) -> None:
    query(postgres.url(database, "sender_owner"), "CREATE TABLE delivery AS SELECT 1 AS id")
    copy = f"{database}_copy"
    postgres.create_database(copy, template=database)
    assert query(postgres.url(copy, "sender"), "SELECT id FROM delivery") == [(1,)]


def test_forgotten_transactions_end_by_themselves(postgres: LocalPostgres) -> None:
    shown = query(postgres.url(), "SHOW idle_in_transaction_session_timeout")
    assert shown == [("30s",)]


def test_committed_data_survives_kill_9_under_a_busy_session(folder: Path) -> None:
    server = LocalPostgres.start(folder / "killed", free_ports(1)[0])
    try:
        query(server.url(), "CREATE TABLE kept AS SELECT 7 AS id")
        with closing(psycopg2.connect(server.url(), async_=True)) as busy:
            while busy.poll() != psycopg2.extensions.POLL_OK:
                pass
            busy.cursor().execute("SELECT count(*) FROM generate_series(1, 1000000000000)")
            server.kill()
        server.restart()
        assert query(server.url(), "SELECT id FROM kept") == [(7,)]
    finally:
        server.stop()


def test_a_stopped_home_starts_again_with_the_same_passwords(folder: Path) -> None:
    first = LocalPostgres.start(folder / "again", free_ports(1)[0])
    query(first.url(), "CREATE TABLE kept AS SELECT 7 AS id")
    first.stop()
    assert not is_alive(first.process.pid)
    second = LocalPostgres.start(folder / "again", free_ports(1)[0])
    try:
        assert query(second.url(), "SELECT id FROM kept") == [(7,)]
    finally:
        second.stop()


def test_a_second_stack_on_the_same_home_is_refused(postgres: LocalPostgres) -> None:
    with pytest.raises(CannotStart, match="another stack runs in"):
        LocalPostgres.start(postgres.home, free_ports(1)[0])


def test_a_taken_port_is_a_clear_error(postgres: LocalPostgres, folder: Path) -> None:
    with pytest.raises(CannotStart, match=f"port {postgres.port} is taken"):
        LocalPostgres.start(folder / "other", postgres.port)


def test_a_reused_pid_of_an_innocent_program_is_left_alone(folder: Path) -> None:
    home, port = folder / "reused", free_ports(1)[0]
    LocalPostgres.start(home, port).stop()
    with subprocess.Popen(["sleep", "60"]) as innocent:
        lines = [str(innocent.pid), str(home / "data"), "0", str(port), "", "", "", "ready"]
        (home / "data" / "postmaster.pid").write_text("\n".join(lines) + "\n")
        LocalPostgres.start(home, port).stop()
        assert innocent.poll() is None
        innocent.kill()


STARTING = """
import sys, time
from pathlib import Path
from devkit.stack.postgres import LocalPostgres
server = LocalPostgres.start(Path(sys.argv[1]), int(sys.argv[2]), announce=repr)
print(server.process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
async def test_it_dies_with_its_parent(folder: Path) -> None:
    argv = [sys.executable, "-c", STARTING, str(folder / "orphan"), str(free_ports(1)[0])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert is_alive(server)
        parent.send_signal(signal.SIGKILL)
        await eventually_async(lambda: not is_alive(server))


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    home = folder / "interrupted"
    (home / "data.new" / "base").mkdir(parents=True)
    server = LocalPostgres.start(home, free_ports(1)[0])
    try:
        assert query(server.url(), "SELECT 1") == [(1,)]
    finally:
        server.stop()
