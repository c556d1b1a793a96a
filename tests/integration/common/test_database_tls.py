"""TLS on a real PostgreSQL: who is not the server that was meant gets no password.

The PostgreSQL of the wheel has no TLS: a system's own is started (Debian: `postgresql`).
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from structlog.testing import capture_logs
from tests.support.certificates import Authority
from tests.support.postgres import NewDatabase
from tests.support.waiting import eventually, eventually_async

from common.postgres.database import Database
from common.postgres.dsn import dsn
from common.postgres.engine import connect
from common.service.lifecycle import Lifecycle
from devkit.stack.ports import free_ports
from devkit.stack.postgres_binaries import system_binaries
from devkit.stack.postgres_home import is_ready, server_user
from devkit.stack.postgres_initdb import initialise
from devkit.stack.server_process import end, last_words, spawn

pytestmark = pytest.mark.integration
# `certified` comes in by a certificate of that name, everybody by a password and only with TLS.
ACCESS = """
hostssl all certified 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class TlsServer:
    """`url`: of the superuser, by the name in the server's certificate."""

    url: str
    authority: Authority

    @property
    def ca_file(self) -> Path:
        return self.authority.file


@pytest.fixture(scope="module")
def tls(home: Path) -> Iterator[TlsServer]:
    try:
        binaries = system_binaries()
    except FileNotFoundError:
        pytest.skip("NOT RUN: no PostgreSQL with TLS on this machine (apt-get install postgresql)")
    folder, user, (port,) = home / "tls", server_user(), free_ports(1)
    authority = Authority(folder)
    signed = authority.sign("localhost")
    if user:
        folder.chmod(0o711)
        for file in signed:
            os.chown(file, user.uid, user.gid)
    data = folder / "data"
    initialise(binaries, data, "postgres", "a-password", user)
    (data / "pg_hba.conf").write_text(ACCESS)
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "ssl": "on",
        "ssl_cert_file": signed.certificate,
        "ssl_key_file": signed.key,
        "ssl_ca_file": authority.file,
    }
    argv: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port)]
    argv += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    server = spawn(argv, log=log, death=signal.SIGINT, user=user)
    try:
        eventually(lambda: is_ready(data, server.pid) or server.poll() is not None, "PostgreSQL")
        assert server.poll() is None, last_words(log)
        yield TlsServer(f"postgresql://postgres:a-password@localhost:{port}/postgres", authority)
    finally:
        end(server, signal.SIGINT, 10)
        shutil.rmtree(folder)


def is_encrypted(words: str) -> bool:
    with closing(psycopg2.connect(words)) as connection, connection.cursor() as cursor:
        cursor.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        return cursor.fetchall() == [(True,)]


def test_with_the_servers_ca_services_jobs_and_commands_talk_tls(tls: TlsServer) -> None:
    words = dsn(tls.url, tls.ca_file)
    assert is_encrypted(words)
    engine = connect(words, "tests", "public", 1)
    with engine.connect() as connection:
        asked = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        assert connection.exec_driver_sql(asked).scalar() is True
    engine.dispose()
    done = migrate(tls.url, tls.ca_file)
    assert (done.returncode, done.stderr) == (0, "")


def migrate(url: str, ca_file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "sender.migrate"],
        env={"PATH": os.defpath, "DATABASE_URL": url, "DATABASE_CA_FILE": str(ca_file)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_that_another_authority_signed_is_refused(tls: TlsServer, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        psycopg2.connect(dsn(tls.url, other.file))
    done = migrate(tls.url, other.file)
    assert done.returncode == 1
    assert done.stderr.startswith("error: DATABASE_URL: ")
    assert "certificate verify failed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_and_so_is_one_that_has_another_name(tls: TlsServer) -> None:
    with pytest.raises(psycopg2.OperationalError, match="does not match host name"):
        psycopg2.connect(dsn(tls.url.replace("localhost", "127.0.0.1"), tls.ca_file))


def test_and_one_that_speaks_no_tls(tls: TlsServer, new_database: NewDatabase) -> None:
    """Whoever sits between may say so too."""
    without = new_database()
    with pytest.raises(psycopg2.OperationalError, match="does not support SSL"):
        psycopg2.connect(dsn(without, tls.ca_file))


async def test_a_service_that_mistrusts_its_server_waits_not_ready_and_says_why(
    tls: TlsServer, tmp_path: Path
) -> None:
    life = Lifecycle("tests")
    database = Database(dsn(tls.url, Authority(tmp_path).file), "public", life)
    with capture_logs() as logs:
        starting = asyncio.create_task(database.start())
        await eventually_async(lambda: bool(logs), "a line of the log")
        assert "database" in life.health.not_ready()
        starting.cancel()
        await asyncio.wait({starting})
    await database.stop()
    assert logs[0]["event"] == "database_waits"
    assert "certificate verify failed" in logs[0]["reason"]
    assert "a-password" not in str(logs[0])


def test_a_client_certificate_of_the_url_is_shown(tls: TlsServer, tmp_path: Path) -> None:
    with closing(psycopg2.connect(dsn(tls.url, tls.ca_file))) as connection, connection:
        connection.cursor().execute("create role certified login")
    own = tls.authority.sign("certified")
    url = tls.url.replace("postgres:a-password", "certified")
    shown = f"{url}?sslcert={own.certificate}&sslkey={own.key}"
    assert is_encrypted(dsn(shown, tls.ca_file))
    with pytest.raises(psycopg2.OperationalError, match="requires a valid client certificate"):
        psycopg2.connect(dsn(url, tls.ca_file))
